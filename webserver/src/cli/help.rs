//! What `--help` says after the options.

/// After the short help.
pub(super) const MORE: &str =
    "Examples, signals, exit status: webserver --help, or webserver --man-page";

/// After the long help. Headings stand alone at the margin: the manual page makes sections of them.
pub(super) const LONG: &str = "\
Examples:
  webserver
      serve the folder www at http://localhost:8080/
  webserver --list --open .
      show this folder in a browser, and a QR code for the phone
  webserver --port 80 --vhost blog.example.org=/srv/blog /srv/www
      two sites by their names
  webserver --tls-cert cert.pem --tls-key key.pem --port 443 /srv/www
      over https
  webserver --basic-auth \"$(htpasswd -nbB alice PASSWORD)\" private
      to those who know a password
  webserver --spa index.html --cache-control 'assets/**=max-age=31536000' dist
      a single-page application whose assets never change
  webserver --unix /run/web.sock --trust-proxy 127.0.0.1 --log-file access.log
      behind a proxy on the same machine

What is served:
  A folder is answered with its index.html. Files whose names begin with a
  dot are not there for anyone, except below /.well-known/. Nothing outside
  the folder is ever served, unless --follow says so. If page.html.zst,
  page.html.br or page.html.gz lies beside page.html and is not older, it
  is sent to those who can read it.

Sizes and times:
  K, KB and KiB are all 1,024 bytes, and so on for M and G. Times are whole
  numbers with ms, s, m, h or d; a number alone means seconds.

Access log:
  common    CLIENT - USER [TIME] \"REQUEST\" STATUS BYTES
  combined  the same and \"REFERRER\" \"BROWSER\"
  json      an object with time, client, user, method, target, version,
            status, sent, referer, agent, host, elapsed (seconds)
  Lines are never waited for: when a disk is too slow, some are lost, and
  their number is told.

Signals:
  TERM, INT (Ctrl-C)
      stop: idle connections are closed, replies under way may finish for
      the time of --drain; a second signal cuts them
  HUP
      open the access log anew, and read the certificate again

Service managers:
  Sockets that systemd opened (LISTEN_FDS, LISTEN_PID) are used instead of
  --port, --bind and --unix.

Exit status:
  0    stopped by a signal, in order
  1    something failed while it served
  2    wrong command line, or what it names cannot be used; nothing was
       served";
