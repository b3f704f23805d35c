//! What `--help` says after the options.

/// After the short help.
pub(super) const MORE: &str = "\
Options of each: natchat server --help, natchat client --help
Examples, what to type, exit status: natchat --help, or natchat --man-page";

/// After the long help. Headings stand alone at the margin: the manual page makes sections of them.
pub(super) const LONG: &str = "\
Examples:
  natchat server
      a rendezvous at UDP and TCP port 10080 of this machine
  natchat server --tcp 443
      also for those whose network lets out nothing but https
  natchat client --id client1 --server 192.168.0.2
      join it as client1
  printf '@chat client2 hello\\n' | natchat client --id client1 --server 192.168.0.2
      say one thing, wait until it has arrived, and leave

What to type:
  @show_list           who is there, where, and by what way lines go
  @chat ID TEXT        a line to one
  @all TEXT            a line to everybody
  @send ID FILE        offers a file; again after a break: goes on where it stopped
  @accept ID [NAME]    takes the files that ID offers, or the one of that name
  @refuse ID [NAME]    does not
  @verify ID           the number to compare with ID, to be sure that nobody is
                       in between
  @trust ID            takes ID's new key for right
  @help                this
  @exit                leaves; so do Ctrl-D and Ctrl-C

Without a terminal:
  Lines are read from stdin, and each event is one line on stdout; complaints
  are on stderr. At the end of stdin the client waits until all is delivered,
  at most 5 seconds, and leaves.

Keys:
  Your key is made when an ID is used first, and kept in the data folder as
  ID.key; who has that file is you. The keys of others are remembered in the
  file pins there: if somebody comes with another one, nothing is said to
  them until you type @trust.

Signals:
  TERM, INT (Ctrl-C), HUP
      leave in order; a second one ends at once

Exit status:
  0    the client left, or the server was stopped, in order
  1    the client never joined, or something failed
  2    wrong command line, or what it names cannot be used
  130  ended at once by a second signal";
