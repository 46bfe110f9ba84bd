"""Log lines as real programs write them, and what is to be seen in them."""
# ruff: noqa: E501

from __future__ import annotations

LEVELS = [
    ("error", "2026-05-04 12:00:00,123 ERROR shop.orders: order 17 failed"),
    ("error", "ERROR:root:boom"),
    ("warning", "WARNING:urllib3:Retrying"),
    ("fatal", "CRITICAL:root:x"),
    ("", 'level=info msg="error rate is 0"'),
    ("error", 'time="2026-05-04T12:00:00Z" level=error msg="x"'),
    ("fatal", "level=fatal msg=x"),
    ("error", '{"level":"error","msg":"x"}'),
    ("error", '{"level":50,"time":1,"msg":"x"}'),
    ("fatal", '{"level":60,"msg":"x"}'),
    ("", '{"level":30,"msg":"error in name"}'),
    ("error", '{"time":"x","severity":"ERROR","message":"y"}'),
    ("error", '{"@t":"2026","@l":"Error","@mt":"y"}'),
    ("error", "<3>usb failure"),
    ("fatal", "<0>panic"),
    ("warning", "<28>daemon: x"),
    ("", "<30>daemon: error-free"),
    ("error", "E0504 12:00:00.000000       1 main.go:5] x"),
    ("warning", "W0504 12:00:00.000000 1 a.go:5] x"),
    ("", "I0504 12:00:00.0 1 a.go:5] error none"),
    (
        "error",
        '2026-05-04 12:00:00.123 UTC [42] ERROR:  relation "users" does not exist at character 15',
    ),
    (
        "fatal",
        '2026-05-04 12:00:00.123 UTC [42] FATAL:  password authentication failed for user "app"',
    ),
    (
        "",
        "2026-05-04 12:00:00.123 UTC [42] LOG:  could not receive data from client: Connection reset by peer",
    ),
    ("", "2026-05-04 12:00:00.123 UTC [42] STATEMENT:  SELECT error FROM x"),
    ("fatal", "2026-05-04 12:00:00.123 UTC [1] PANIC:  could not write"),
    ("error", "2026-05-04T12:00:00.000000Z 0 [ERROR] [MY-010119] [Server] Aborting"),
    ("warning", "2026-05-04T12:00:00.0Z 0 [Warning] [MY-010068] [Server] CA"),
    ("", "2026-05-04 12:00:00 0 [Note] InnoDB: no error"),
    (
        "error",
        "2026/05/04 12:00:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream",
    ),
    ("fatal", "2026/05/04 12:00:00 [emerg] 1#1: host not found in upstream"),
    ("fatal", "2026/05/04 12:00:00 [crit] 1#1: x"),
    ("warning", "2026/05/04 12:00:00 [warn] 1#1: x"),
    ("", "2026/05/04 12:00:00 [notice] 1#1: signal"),
    ("warning", "1:M 04 May 2026 12:00:00.000 # WARNING overcommit_memory is set to 0"),
    ("", "1:M 04 May 2026 12:00:00.000 * Ready to accept connections"),
    ("error", "TypeError: Cannot read properties of undefined (reading 'id')"),
    ("error", "npm ERR! code ELIFECYCLE"),
    ("error", "Error: connect ECONNREFUSED 10.0.0.2:5432"),
    ("error", "java.lang.NullPointerException: x"),
    ("error", 'Exception in thread "main" java.lang.IllegalStateException: boom'),
    ("error", "SEVERE: Servlet threw"),
    ("error", "12:00:00.123 [main] ERROR c.e.App - x"),
    ("warning", "2026-05-04 12:00:00.1  WARN 1 --- [main] c.e.App : x"),
    ("", "2026-05-04 12:00:00.1  INFO 1 --- [main] c.e.App : 0 errors"),
    ("fatal", "panic: runtime error: index out of range [5] with length 3"),
    ("fatal", "fatal error: all goroutines are asleep - deadlock!"),
    ("fatal", "2026/05/04 12:00:00 FATAL x"),
    ("error", "fail: Microsoft.AspNetCore.Server.Kestrel[13]"),
    ("fatal", "crit: Foo[0]"),
    ("", "info: Microsoft.Hosting[14]"),
    ("error", "Unhandled exception. System.InvalidOperationException: x"),
    ("error", "Traceback (most recent call last):"),
    ("error", "app.rb:5:in `foo': undefined method (NoMethodError)"),
    ("fatal", "thread 'main' panicked at src/main.rs:2:5:"),
    ("", '172.17.0.1 - - [04/May/2026:12:00:00 +0000] "GET /error HTTP/1.1" 200 5'),
    ("", "all good, no errors"),
    ("", "errors: 0"),
    ("", "GET /terror 200"),
    ("", "mirror started"),
    ("error", "sh: can't open: Permission denied"),
    ("error", "\x1b[31mERROR\x1b[0m something"),
    ("", "compiled with warnings disabled flag"),
    ("warning", "DeprecationWarning: x is old"),
    ("warning", "Warning: x"),
    ("error", "Error response from daemon"),
    ("error", "E: Unable to locate package"),
    ("", "Everything up"),
    ("error", "[12:00:00 ERR] Serilog thing"),
    ("fatal", "[12:00:00 FTL] Serilog"),
    ("warning", "[12:00:00 WRN] x"),
    ("error", "nginx: [emerg]".replace("emerg", "error")),
    ("error", "curl: (7) Failed to connect to x"),
    ("fatal", "Segmentation fault (core dumped)"),
    ("", "2026-05-04 DEBUG retry after error: x"),
    ("error", "error: failed to push"),
    ("error", "ERROR 1045 (28000): Access denied"),
    ("error", "django.db.utils.OperationalError: could not connect"),
    ("error", "payment took too long: error 42"),
    ("", "the page of error 42 was opened"),
]

TRACES: dict[str, tuple[str, list[tuple[str, int, str, int]]]] = {
    "python_chained": (
        """\
Traceback (most recent call last):
  File "/app/a.py", line 3, in load
    return d["x"]
           ~^^^^^
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 9, in main
    load()
ValueError: order 17 is bad
INFO next""",
        [("error", 1, "ValueError: order <n> is bad | /app/b.py in main", 10)],
    ),
    "python_below_a_logger_line": (
        """\
ERROR:shop:cannot place order 5
Traceback (most recent call last):
  File "/app/a.py", line 3, in load
    x
KeyError: 'x'
all well""",
        [
            (
                "error",
                1,
                "ERROR:shop:cannot place order <n> | KeyError: '<text>' | /app/a.py in load",
                5,
            )
        ],
    ),
    "java_with_cause": (
        """\
2026-05-04 12:00:00 ERROR [main] c.e.App - order 7 failed
java.lang.IllegalStateException: bad
	at com.example.A.b(A.java:10)
	at com.example.C.d(C.java:20)
Caused by: java.sql.SQLException: refused 10.0.0.1
	at org.x.Y(Y.java:1)
	... 12 more
2026-05-04 12:00:01 INFO [main] fine""",
        [
            (
                "error",
                1,
                "ERROR [main] c.e.App - order <n> failed | Caused by: java.sql.SQLException: refused <ip> | at com.example.A.b(A.java:<n>)",
                7,
            )
        ],
    ),
    "go_panic": (
        """\
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Server).handle(0xc000012345, {0x1, 0x2})
	/app/main.go:15 +0x1d
main.main()
	/app/main.go:5 +0x1d
exit status 2
hello""",
        [
            (
                "fatal",
                1,
                "panic: runtime error: index out of range [<n>] with length <n> | main.(*Server).handle(<hex>, {<hex>, <hex>})",
                7,
            )
        ],
    ),
    "node": (
        """\
TypeError: Cannot read properties of undefined (reading 'id')
    at Object.<anonymous> (/app/index.js:3:7)
    at Module._compile (node:internal/modules/cjs/loader:1356:14) {
  code: 'E'
}

Node.js v18.19.0
ok""",
        [
            (
                "error",
                1,
                "TypeError: Cannot read properties of undefined (reading '<text>') | at Object.<anonymous> (/app/index.js:<n>:<n>)",
                4,
            )
        ],
    ),
    "dotnet": (
        """\
Unhandled exception. System.InvalidOperationException: bad 17
   at Foo.Bar() in /src/Foo.cs:line 5
   --- End of inner exception stack trace ---
   at Foo.Main()
fail: Microsoft.X[13]
      An unhandled exception has occurred: id 5
      System.Exception: boom
         at A.B()
info: next""",
        [
            (
                "error",
                1,
                "Unhandled exception. System.InvalidOperationException: bad <n> | at Foo.Bar() in /src/Foo.cs:line <n>",
                4,
            ),
            ("error", 1, "fail: Microsoft.X[<n>] | at A.B()", 4),
        ],
    ),
    "ruby_and_rust": (
        """\
app.rb:5:in `foo': undefined method `x' for nil:NilClass (NoMethodError)
	from app.rb:9:in `<main>'
ok
thread 'main' panicked at src/main.rs:2:5:
index out of bounds: 5
note: run with `RUST_BACKTRACE=1` environment variable
ok""",
        [
            (
                "error",
                1,
                "app.rb:<n>:in `<text>': undefined method `<text>' for nil:NilClass (NoMethodError) | from app.rb:<n>:in `<text>'",
                2,
            ),
            ("fatal", 1, "thread '<text>' panicked at src/main.rs:<n>:<n>:", 3),
        ],
    ),
    "repeated_lines": (
        """\
2026-05-04 12:00:00.123 UTC [42] ERROR:  relation "users" does not exist at character 15
2026-05-04 12:00:00.123 UTC [42] STATEMENT:  SELECT *
	FROM users
2026-05-04 12:00:02.123 UTC [43] ERROR:  relation "orders" does not exist at character 15
GET /x 200
{"level":"error","ts":1714824000.123,"msg":"failed id 5","request":"7f3b0e1a-0000-4000-8000-000000000001","user":"a@b.com"}
{"level":"error","ts":1714824001.123,"msg":"failed id 6","request":"7f3b0e1a-0000-4000-8000-000000000002","user":"c@b.com"}
""",
        [
            ("error", 2, 'ERROR: relation "<text>" does not exist at character <n>', 1),
            ("error", 2, "failed id <n>", 1),
        ],
    ),
}
