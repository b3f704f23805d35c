//! nginx in front: what people put between a file server and the world.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};

use harness::{Command, Running, SOON, Sandbox, needs_tool, wait_until};

use super::answers;
use crate::client::{Address, Client, asked, get, request};
use crate::server::{Server, command};
use crate::site::pattern;

/// An address that is nobody's: of this machine's own sixteen million, one that only this process uses.
fn free_addr() -> SocketAddrV4 {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, a | 0x40, b, c.max(1));
    let listener = TcpListener::bind((ip, 0)).expect("a port");
    match listener.local_addr().expect("its address") {
        SocketAddr::V4(addr) => addr,
        SocketAddr::V6(addr) => panic!("{addr} was not asked for"),
    }
}

/// nginx that passes all on to `upstream`, and keeps its connections there.
#[derive(Debug)]
struct Nginx {
    _running: Running,
    addr: SocketAddrV4,
}

impl Nginx {
    #[track_caller]
    fn start(program: PathBuf, folder: &Path, upstream: &str) -> Self {
        let addr = free_addr();
        let here = folder.display();
        let config = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {here}/pid;\nerror_log stderr;\n\
             events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {here}/a;\nproxy_temp_path {here}/b;\n\
             fastcgi_temp_path {here}/c;\nuwsgi_temp_path {here}/d;\nscgi_temp_path {here}/e;\n\
             upstream files {{ server {upstream}; keepalive 8; }}\n\
             server {{ listen {addr}; location / {{\nproxy_pass http://files;\nproxy_http_version 1.1;\n\
             proxy_set_header Connection \"\";\nproxy_set_header Host $host;\n\
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n}}}}}}\n"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).expect("write its settings");
        let running = Command::new(program)
            .arg("-e")
            .arg("stderr")
            .arg("-c")
            .arg(&path)
            .arg("-p")
            .arg(folder)
            .start();
        let nginx = Self {
            _running: running,
            addr,
        };
        wait_until("nginx listens", SOON, || {
            Client::connect(&nginx.address()).is_ok()
        });
        nginx
    }

    fn address(&self) -> Address {
        Address::Tcp(self.addr.into())
    }

    fn ask(&self, request: &[u8]) -> (u16, Vec<u8>) {
        ask(&self.address(), request)
    }
}

/// Sends a request on a connection of its own. The replies of others are not held to all that ours are.
#[track_caller]
fn ask(address: &Address, request: &[u8]) -> (u16, Vec<u8>) {
    let mut client = Client::connect(address).expect("a connection");
    client.send(request).expect("it takes a request");
    let reply = client.reply(asked(request)).expect("a reply");
    (reply.status, reply.body)
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/hello.txt", "hello\n")
        .file("root/big.bin", pattern(3_000_000))
        .dir("nginx");
    sandbox
}

/// Asks for all kinds of things through a proxy, as the client 198.51.100.7 of another proxy before it.
#[track_caller]
fn ask_for_all(nginx: &Nginx) {
    const FROM: (&str, &str) = ("X-Forwarded-For", "198.51.100.7");
    for _ in 0..10 {
        assert_eq!(
            nginx.ask(&get("/hello.txt", &[FROM])),
            (200, b"hello\n".to_vec())
        );
        let (status, body) = nginx.ask(&get("/big.bin", &[FROM]));
        assert_eq!(status, 200);
        assert!(body == pattern(3_000_000), "the large file");
        let part = get("/big.bin", &[FROM, ("Range", "bytes=1000000-1999999")]);
        let (status, body) = nginx.ask(&part);
        assert_eq!(status, 206);
        assert!(body == pattern(3_000_000)[1_000_000..2_000_000], "a part");
        assert_eq!(nginx.ask(&get("/missing", &[FROM])).0, 404);
        let head = request("HEAD", "/big.bin", &[FROM]);
        assert_eq!(nginx.ask(&head), (200, Vec::new()));
    }
}

#[test]
fn behind_nginx() {
    let Some(program) = needs_tool("nginx in front", "nginx", "nginx") else {
        return;
    };
    let sandbox = scene();
    let admin = free_addr();
    let server = Server::listening(
        command(&sandbox.join("root"))
            .args(["--log", "common", "--trust-proxy", "127.0.0.0/8"])
            .args(["--admin", &admin.to_string()]),
    );
    let upstream = format!("127.0.0.1:{}", server.port());
    let nginx = Nginx::start(program, &sandbox.join("nginx"), &upstream);
    ask_for_all(&nginx);
    // Fifty requests, and the proxy came by one connection: it trusted each reply to leave it whole.
    let (status, metrics) = ask(&Address::Tcp(admin.into()), &get("/-/metrics", &[]));
    let metrics = String::from_utf8(metrics).expect("text");
    assert_eq!(status, 200, "{metrics}");
    let accepted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("webserver_connections_accepted_total "))
        .and_then(|count| count.parse::<u32>().ok());
    assert!(accepted.is_some_and(|count| count <= 3), "{metrics}");
    drop(nginx);
    for answer in answers(server) {
        assert_eq!(answer.client, "198.51.100.7", "{answer:?}");
    }
}

#[test]
fn behind_nginx_by_a_socket() {
    let Some(program) = needs_tool("nginx in front", "nginx", "nginx") else {
        return;
    };
    let sandbox = scene();
    let path = sandbox.join("socket");
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .arg("--unix")
        .arg(&path)
        .args(["--log", "common", "--trust-proxy", "127.0.0.0/8"]);
    let server = Server::listening_at(command, &path);
    let upstream = format!("unix:{}", path.display());
    let nginx = Nginx::start(program, &sandbox.join("nginx"), &upstream);
    ask_for_all(&nginx);
    drop(nginx);
    for answer in answers(server) {
        assert_eq!(answer.client, "198.51.100.7", "{answer:?}");
    }
}
