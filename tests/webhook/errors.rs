//! What a user meets first goes wrong: each says what to do, word for word.

use super::program::{Folder, SECRET, webhook};

/// It ends with this status, prints nothing and says this.
#[track_caller]
fn refuses(status: i32, arguments: &[&str], text: &str) {
    let ran = webhook(arguments.iter().copied()).run();
    assert_eq!(
        (ran.status, ran.out.as_str(), ran.err.as_str()),
        (status, "", text)
    );
}

#[test]
fn a_wrong_name_of_a_sender_suggests_the_near_one() {
    refuses(
        2,
        &["send", "strpe"],
        "error: invalid value 'strpe' for '[PROVIDER]': no such sender; did you mean stripe? `webhook providers` \
         lists all, and this program knows none of your own\n\nFor more information, try '--help'.\n",
    );
    refuses(
        2,
        &["sign", "nobody-at-all"],
        "error: invalid value 'nobody-at-all' for '<PROVIDER>': no such sender; `webhook providers` lists all, and \
         this program knows none of your own\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn a_wrong_command_suggests_the_near_one() {
    refuses(
        2,
        &["sned"],
        "error: unrecognized subcommand 'sned'\n\n  tip: a similar subcommand exists: 'send'\n\n\
         Usage: webhook [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn a_missing_secret_says_where_to_put_it() {
    refuses(
        2,
        &["sign", "stripe"],
        "webhook: no secret: name the file that holds it by --secret-file, the variable by --secret-env, or set \
         WEBHOOK_SECRET\n",
    );
    refuses(
        2,
        &["sign", "stripe", "--secret-env", "NO_SUCH_VARIABLE"],
        "webhook: signing secret NO_SUCH_VARIABLE: the environment has no variable of this name: set it to the \
         sender's secret\n",
    );
    refuses(
        2,
        &["sign", "stripe", "--secret-file", "/nonexistent/secret"],
        "webhook: --secret-file: the file that was named cannot be read: No such file or directory (os error 2): it \
         takes the name of a file, not the secret\n",
    );
    // A folder that is there is no part of a secret.
    let folder = Folder::new();
    let mistyped = folder.path("secret");
    refuses(
        2,
        &["sign", "stripe", "--secret-file", &mistyped],
        &format!("webhook: --secret-file: {mistyped}: No such file or directory (os error 2)\n"),
    );
}

#[test]
fn a_secret_in_place_of_a_file_s_name_is_not_repeated() {
    for secret in [
        SECRET,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "/9r8/GKYqrTwjUPD8ILPZ+o2LaLaSw=",
    ] {
        let ran = webhook(["sign", "stripe", "--secret-file", secret]).run();
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains("it takes the name of a file"), "{ran:?}");
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
    }
}

#[test]
fn a_secret_that_is_a_word_too_many_is_not_repeated() {
    let ran = webhook(["sign", "stripe", SECRET]).run();
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.starts_with("error: unexpected argument"), "{ran:?}");
    assert!(!format!("{ran:?}").contains(SECRET), "{ran:?}");
}

#[test]
fn a_store_s_url_without_its_scheme_is_not_repeated() {
    for place in [
        "user:s3cr3t@db.example/hooks",
        "//user:s3cr3t@db.example",
        "user:s3cr3t@db.example://x",
        ":s3cr3t@r.example:6379",
    ] {
        for words in [&["dead"][..], &["records", "counts"]] {
            let ran = webhook(words.iter().copied().chain(["--store", place])).run();
            assert_eq!(ran.status, 2, "{ran:?}");
            assert!(
                ran.err
                    .starts_with("webhook: --store: the place that was given: "),
                "{ran:?}"
            );
            assert!(!format!("{ran:?}").contains("s3cr3t"), "{ran:?}");
        }
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    refuses(
        2,
        &["sign", "stripe", "--secret", "whsec_test_9f8e7d6c5b4a"],
        "webhook: --secret: everybody on this machine can read a command line: put the secret into a file or a \
         variable, and name that by --secret-file or --secret-env\n",
    );
}

#[test]
fn a_secret_in_place_of_a_variable_s_name_is_not_repeated() {
    let folder = Folder::new();
    let file = folder.file(
        "a.http",
        "POST / HTTP/1.1\nStripe-Signature: t=1,v1=00\n\n{}",
    );
    for arguments in [
        &["sign", "stripe", "--secret-env", SECRET][..],
        &[
            "verify",
            &file,
            "--provider",
            "stripe",
            "--other-secret-env",
            SECRET,
        ],
    ] {
        let ran =
            webhook(arguments.iter().copied()).env("WEBHOOK_SECRET", "whsec_test_another_1f0a");
        let ran = ran.run();
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(
            ran.err.contains("there is no variable of the name"),
            "{ran:?}"
        );
        assert!(!ran.err.contains(SECRET), "{ran:?}");
    }
}

#[test]
fn what_was_pasted_in_place_of_a_secret_is_told() {
    let ran = webhook(["sign", "stripe"])
        .env("WEBHOOK_SECRET", "${STRIPE_SECRET}")
        .run();
    assert_eq!(ran.status, 2);
    assert!(
        ran.err
            .starts_with("webhook: stripe: signing secret WEBHOOK_SECRET: number 1: "),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("STRIPE_SECRET}"), "{}", ran.err);
}

#[test]
fn a_receiver_out_of_reach_is_named() {
    // A port that nobody listens on, once this is dropped.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}/secret-path");
    let ran = webhook(["send", "blendfi", "--url", &url])
        .with_secret()
        .run();
    let text = format!(
        "webhook: --url: http://127.0.0.1:{port} is out of reach: no connection to the receiver: Connection refused \
         (os error 111)\n"
    );
    assert_eq!((ran.status, ran.err), (3, text));
}

#[test]
fn a_url_that_is_none_is_refused() {
    refuses(
        2,
        &["send", "--url", "not a url"],
        "webhook: --url: not a URL\n",
    );
    refuses(
        2,
        &["send", "--url", "ftp://h"],
        "webhook: --url: does not begin with http://\n",
    );
    refuses(
        2,
        &["send", "--url", "https://h.example/in"],
        "webhook: --url: sends plain HTTP only: `webhook sign --curl URL` prints a line for https\n",
    );
}

#[test]
fn a_wrong_store_says_what_is_wrong_with_it() {
    refuses(
        2,
        &["dead"],
        "webhook: no store: name the receivers' by --store, or set WEBHOOK_STORE\n",
    );
    let folder = Folder::new();
    let missing = folder.path("mistyped.db");
    refuses(
        2,
        &["dead", "--store", &missing],
        &format!("webhook: --store: {missing}: there is no such file; name the receiver's\n"),
    );
    assert!(!std::path::Path::new(&missing).exists(), "it was made");
    // Another program's database stays as it is.
    let foreign = folder.file("foreign.db", "");
    for words in [
        &["dead"][..],
        &["records", "counts"],
        &["show", "blendfi", "evt_1"],
    ] {
        let words: Vec<_> = words.iter().copied().chain(["--store", &foreign]).collect();
        let text = format!(
            "webhook: --store: {foreign}: no receiver keeps anything in it; name the receiver's\n"
        );
        refuses(2, &words, &text);
    }
    assert_eq!(std::fs::metadata(&foreign).unwrap().len(), 0);
    refuses(
        2,
        &["inbox", "--store", "mysql://127.0.0.1", "counts"],
        "webhook: --store: mysql: neither a URL of Redis or Postgres, nor a path\n",
    );
    // Behind the last word it means the same.
    for group in ["inbox", "records"] {
        refuses(
            2,
            &[group, "counts", "--store", &missing],
            &format!("webhook: --store: {missing}: there is no such file; name the receiver's\n"),
        );
    }
    let ran = webhook(["records", "--store", "redis://127.0.0.1:1", "counts"]).run();
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.starts_with("webhook: --store: "), "{}", ran.err);
}

#[test]
fn a_verdict_that_is_none_is_refused() {
    let words = [
        "replay",
        "x",
        "--provider",
        "blendfi",
        "--url",
        "http://h",
        "--verdict",
        "refuse",
    ];
    refuses(
        2,
        &words,
        "error: invalid value 'refuse' for '--verdict <VERDICT>': it is none of passed, handled, queued, duplicate, \
         refused, failed, unfinished, filtered, not_ours, probed\n\nFor more information, try '--help'.\n",
    );
}

#[test]
fn nobody_means_all_dead_letters_by_saying_nothing() {
    refuses(
        2,
        &["redrive", "--store", "x.db"],
        "webhook: which of them? name an event, a provider, a reason or a time, or say --all\n",
    );
}

#[test]
fn one_event_and_a_filter_are_not_meant_together() {
    let folder = Folder::new();
    let file = folder.path("inbox.db");
    for command in ["redrive", "discard"] {
        for filter in [
            &["--all"][..],
            &["--provider", "blendfi"],
            &["--reason", "closed"],
            &["--newer-than", "60"],
            &["--older-than", "60"],
            &["--limit", "1"],
        ] {
            let arguments = [command, "--store", &file, "blendfi", "evt_1"];
            let ran = webhook(arguments.into_iter().chain(filter.iter().copied())).run();
            assert_eq!(ran.status, 2, "{filter:?}: {ran:?}");
            assert!(
                ran.err.contains("cannot be used with"),
                "{filter:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn an_error_is_json_where_that_is_asked_for() {
    let ran = webhook(["--json", "sign", "stripe"]).run();
    assert_eq!((ran.status, ran.err.as_str()), (2, ""));
    assert!(
        ran.json()[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("no secret")
    );
    // What the parser of the command line says too.
    for (arguments, text) in [
        (&["--json", "sned"][..], "unrecognized subcommand 'sned'"),
        (&["send", "strpe", "--json"], "did you mean stripe?"),
        (
            &["redrive", "--json", "--all", "blendfi", "evt_1"],
            "cannot be used with",
        ),
        (&["show", "--json"], "required arguments were not provided"),
    ] {
        let ran = webhook(arguments.iter().copied()).run();
        assert_eq!(
            (ran.status, ran.err.as_str()),
            (2, ""),
            "{arguments:?}: {ran:?}"
        );
        let json = ran.json();
        assert_eq!(json[0]["ok"], false);
        let error = json[0]["error"].as_str().unwrap();
        assert!(error.contains(text) && !error.contains("--help"), "{error}");
    }
    // Help is asked for, and no error; behind `--` there are no options.
    webhook(["--json", "--help"])
        .run()
        .says(0, "Usage: webhook");
    let ran = webhook(["sned", "--", "--json"]).run();
    assert!(
        ran.err.starts_with("error: unrecognized subcommand"),
        "{ran:?}"
    );
}

#[test]
fn completions_and_the_manual_are_printed() {
    webhook(["completions", "bash"])
        .run()
        .says(0, "complete -F _webhook");
    let man = webhook(["man"]).run();
    man.says(0, ".TH webhook 1").says(0, "Exit status:");
    for command in [
        "providers",
        "sign",
        "send",
        "verify",
        "records",
        "redrive",
        "doctor",
        "watch",
    ] {
        man.says(0, command);
        webhook(["man", command])
            .run()
            .says(0, &format!(".TH webhook-{command} 1"))
            .says(0, ".SH OPTIONS");
        webhook([command, "--help"]).run().says(0, "Usage: webhook");
    }
    let lookup = webhook(["man", "records", "lookup"]).run();
    lookup
        .says(0, ".TH webhook-records-lookup 1")
        .says(0, r"\-\-store");
    refuses(
        2,
        &["man", "sned"],
        "webhook: man: \"sned\" is no command\n",
    );
    // As in `webhook completions bash | head -1`.
    for words in [&["completions", "zsh"][..], &["man"], &["man", "send"]] {
        let mut printing = std::process::Command::new(env!("CARGO_BIN_EXE_webhook"))
            .args(words)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(printing.stdout.take());
        let ended = printing.wait_with_output().unwrap();
        assert_eq!(ended.stderr, b"", "{words:?}");
    }
}
