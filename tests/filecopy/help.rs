//! What the program says about itself: the help, the manual page, and advice for who expects cp.

use harness::{Command, Sandbox};

use crate::held::filecopy;

const SECTIONS: [&str; 6] = [
    "Examples",
    "How files are replaced",
    "Sizes",
    "Files",
    "JSON",
    "Exit status",
];

#[test]
fn the_long_help_and_the_manual_page_have_the_same_sections() {
    let help = Command::built("filecopy").arg("--help").run();
    help.succeeds().stderr_is("");
    let page = Command::built("filecopy").arg("--man-page").run();
    page.succeeds().stderr_is("").lacks("EXTRA");
    for section in SECTIONS {
        help.stdout_has(&format!("\n{section}:\n"));
        page.stdout_has(&format!(".SH \"{}\"\n.nf\n", section.to_uppercase()));
    }
    // A line of each section, word for word.
    for line in [
        "filecopy photos photos-2026",
        "whole: there is the old file or the new one",
        "10,240 bytes",
        "0.52<TAB>Start copying SRC to DEST",
        "outcome is complete, failed or cancelled",
        "130  interrupted",
    ] {
        help.stdout_has(line);
        page.stdout_has(&line.replace('-', "\\-"));
    }
    for line in help.stdout_text().lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn the_short_help_has_a_line_or_two_for_each_option() {
    let help = Command::built("filecopy").arg("-h").run();
    help.succeeds().stdout_has("filecopy --help");
    assert!(help.stdout_text().lines().count() <= 70, "{help}");
}

#[test]
fn options_of_cp_are_shown_the_way() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    // What is typed, what is told of it.
    let rows = [
        ("-f", "-f"),
        ("-rf", "-f"),
        ("-i", "-i"),
        ("--parents", "--parents"),
        ("--preserve", "--preserve"),
        ("--preserve=mode", "--preserve"),
    ];
    for (typed, told) in rows {
        let output = filecopy(&sandbox).args([typed, "a", "b"]).run();
        output
            .exits_with(2)
            .stderr_has(&format!("tip: {told} is an option of 'filecopy cp'"))
            .lacks("as a value");
    }
    let output = filecopy(&sandbox).args(["--retries", "-5", "a", "b"]).run();
    output.exits_with(2).lacks("as a value");
    for option in ["-a", "-r", "-R", "-p", "-d", "-P", "-rapd"] {
        filecopy(&sandbox)
            .args([option, "a", &format!("copy{option}")])
            .run()
            .succeeds();
    }
}
