//! A video that is watched from the middle: the browser fetches the part it needs and no more.

use std::path::Path;

use harness::{Command, Sandbox, needs_tool};

use super::driver::Browser;
use crate::clients::{answers, url};
use crate::server::Server;

/// The length of the film, seconds.
const LENGTH: f64 = 60.0;

/// Makes a film of noise, which no codec makes small: it must be larger than what a browser fetches ahead. Three
/// seconds of it over and over do as well as sixty, and take a twentieth of the time.
fn film(sandbox: &Sandbox, ffmpeg: &Path) {
    let scene = "testsrc2=size=320x180:rate=10:duration=3,noise=alls=60:allf=t";
    let ffmpeg = || {
        Command::new(ffmpeg)
            .args(["-loglevel", "error"])
            .cwd(sandbox.path())
    };
    ffmpeg()
        .args(["-f", "lavfi", "-i", scene, "-c:v", "libvpx", "-g", "10"])
        .args(["-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M"])
        .arg("scene.webm")
        .run()
        .succeeds();
    sandbox.dir("root");
    ffmpeg()
        .args(["-stream_loop", "19", "-i", "scene.webm", "-c", "copy"])
        .arg("root/film.webm")
        .run()
        .succeeds();
}

#[test]
fn a_video_is_watched_from_any_moment() {
    let Some(ffmpeg) = needs_tool("videos in a browser", "ffmpeg", "ffmpeg") else {
        return;
    };
    let Some(browser) = Browser::start("videos in a browser") else {
        return;
    };
    let sandbox = Sandbox::new();
    film(&sandbox, &ffmpeg);
    sandbox.file(
        "root/index.html",
        "<!doctype html><link rel=icon href=data:,><video src=film.webm muted controls></video>",
    );
    let len = sandbox.read("root/film.webm").len();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    browser.go(&url(&server, "/"));
    browser.run("window.video = document.querySelector('video');");
    browser.wait("video.readyState >= 2");
    let length = browser.run("return video.duration;");
    assert!(
        length
            .as_f64()
            .is_some_and(|length| (length - LENGTH).abs() < 1.0),
        "{length} seconds"
    );
    for moment in [50.0, 5.0, 59.0] {
        browser.run(&format!("video.currentTime = {moment};"));
        browser.wait("!video.seeking && video.readyState >= 2");
        let now = browser.run("return video.currentTime;");
        assert_eq!(now.as_f64(), Some(moment));
    }
    browser.run("await video.play();");
    browser.wait("video.ended");
    assert_eq!(browser.complaints(), [""; 0]);
    browser.go("about:blank");

    // Parts, and questions whether what it has of them is still right.
    let parts: Vec<_> = answers(server)
        .into_iter()
        .filter(|answer| answer.target == "/film.webm" && answer.status != 304)
        .collect();
    assert!(parts.iter().all(|part| part.status == 206), "{parts:#?}");
    assert!(parts.len() >= 3, "{parts:#?}");
    let sent: usize = parts.iter().map(|part| part.sent).sum();
    assert!(sent < 3 * len, "{sent} bytes of a film of {len}");
}
