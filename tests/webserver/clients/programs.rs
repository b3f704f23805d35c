//! Programs that people write: the HTTP clients of Python and of Node.

use harness::{Command, Output, Sandbox, needs_tool};

use super::{answers, url};
use crate::server::Server;
use crate::site::pattern;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    let text: String = (0..2000).map(|line| format!("line {line}\n")).collect();
    sandbox
        .file("root/small.txt", "small\n")
        .file("root/text.txt", text)
        .file("root/한글 파일.txt", "안녕\n")
        .file("root/docs/index.html", "docs\n")
        .file("root/big.bin", pattern(1_000_000));
    sandbox
}

/// Runs a script with the server's address as its argument.
#[track_caller]
fn run(program: Command, script: &str, server: &Server) -> Output {
    let output = program.args(["-c", script, &url(server, "")]).run();
    output.succeeds();
    output
}

const PYTHON: &str = r#"
import http.client, sys, urllib.parse, urllib.request
base = sys.argv[1]

# Through one connection, as sessions do: any kind of reply, and the next request behind it.
connection = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=20)
def ask(method, path, fields={}, body=None):
    connection.request(method, path, body=body, headers=fields)
    socket = connection.sock
    reply = connection.getresponse()
    content = reply.read()
    assert connection.sock is socket and not reply.will_close, path
    return reply, content

first = None
for round in range(50):
    reply, content = ask('GET', '/small.txt')
    assert (reply.status, content) == (200, b'small\n')
    first = first or connection.sock
    assert connection.sock is first, 'another connection'
    assert ask('HEAD', '/big.bin')[0].headers['Content-Length'] == '1000000'
    assert ask('GET', '/small.txt', {'If-None-Match': reply.headers['ETag']})[0].status == 304
    assert ask('GET', '/missing')[0].status == 404
    assert ask('POST', '/small.txt', body=b'x' * 1000)[0].status == 405
    assert ask('GET', '/small.txt', body=b'y' * 1000)[1] == b'small\n'
    assert ask('GET', '/big.bin', {'Range': 'bytes=10-19'})[0].status == 206
assert len(ask('GET', '/big.bin')[1]) == 1000000

# urllib: a connection for each, redirects followed, names quoted by its own function.
assert urllib.request.urlopen(base + '/docs').geturl() == base + '/docs/'
name = urllib.parse.quote('/한글 파일.txt')
reply = urllib.request.urlopen(base + name)
assert reply.read().decode(reply.headers.get_content_charset()) == '안녕\n'
print('done')
"#;

#[test]
fn python_keeps_its_connection() {
    let Some(python) = needs_tool("programs in Python", "python3", "python3") else {
        return;
    };
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    run(Command::new(python), PYTHON, &server).stdout_is("done\n");
    assert_eq!(answers(server).len(), 50 * 7 + 1 + 3);
}

const NODE: &str = r#"
const assert = require('node:assert');
const base = process.argv[1];
(async () => {
    // Many at once, over a handful of connections.
    const texts = await Promise.all(Array.from({ length: 200 }, async () =>
        (await fetch(base + '/small.txt')).text()));
    assert(texts.every(text => text === 'small\n'));

    const packed = await fetch(base + '/text.txt');
    assert(packed.headers.get('content-encoding'), 'it was to be compressed');
    assert.equal((await packed.text()).split('\n').length, 2001);

    const name = await fetch(`${base}/한글 파일.txt`);
    assert.equal(await name.text(), '안녕\n');

    const moved = await fetch(base + '/docs');
    assert.deepEqual([moved.redirected, moved.url], [true, base + '/docs/']);

    const part = await fetch(base + '/big.bin', { headers: { Range: 'bytes=-4' } });
    assert.equal(part.status, 206);
    assert.equal((await part.arrayBuffer()).byteLength, 4);

    const refused = await fetch(base + '/small.txt', { method: 'POST', body: 'x'.repeat(1000) });
    assert.equal(refused.status, 405);

    // Given up in the middle; the next is none the worse.
    const abort = new AbortController();
    const given = await fetch(base + '/big.bin', { signal: abort.signal });
    abort.abort();
    await assert.rejects(given.arrayBuffer());
    const whole = await (await fetch(base + '/big.bin')).arrayBuffer();
    assert.equal(whole.byteLength, 1000000);
    console.log('done');
})();
"#;

#[test]
fn node_fetches() {
    let Some(node) = needs_tool("programs in Node", "node", "nodejs") else {
        return;
    };
    let has_fetch = Command::new(&node)
        .args(["-p", "typeof fetch"])
        .run()
        .stdout_text()
        .starts_with("function");
    if !has_fetch {
        harness::leave_out(
            "programs in Node",
            "an old Node without fetch",
            "install Node 18 or newer",
        );
        return;
    }
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--compress"]);
    let output = Command::new(node)
        .args(["-e", NODE, &url(&server, "")])
        .run();
    output.succeeds();
    output.stdout_is("done\n");
    server.stop();
}
