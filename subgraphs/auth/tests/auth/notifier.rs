//! Messages by SMTP, to a small mail server of the test's own.

use auth::{Config, Notifier, PasswordCost, Smtp};
use migrations::Owner;
use serde_json::json;
use service::testing::{Client, each_database, parts, signing_keys};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::world::PASSWORD;

/// A mail as it arrived: for whom, and its text.
struct Mail {
    to: String,
    text: String,
}

/// A mail server that takes everything, after turning the first mail away for the moment.
struct Server {
    url: String,
    mails: mpsc::UnboundedReceiver<Mail>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (arrived, mails) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut is_busy = true;
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                converse(socket, &arrived, &mut is_busy).await;
            }
        });
        Self { url, mails, _serving: serving }
    }
}

async fn converse(socket: TcpStream, arrived: &mpsc::UnboundedSender<Mail>, is_busy: &mut bool) {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    write.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let command = line.to_uppercase();
        let answer = if command.starts_with("EHLO") {
            "250 test"
        } else if command.starts_with("MAIL") && std::mem::take(is_busy) {
            "451 busy, try again"
        } else if command.starts_with("RCPT") {
            line.clone_into(&mut to);
            "250 ok"
        } else if command == "DATA" {
            write.write_all(b"354 go on\r\n").await.unwrap();
            let mut text = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line == "." {
                    break;
                }
                text.push_str(&line);
                text.push('\n');
            }
            arrived.send(Mail { to: to.clone(), text }).unwrap();
            "250 taken"
        } else if command == "QUIT" {
            write.write_all(b"221 bye\r\n").await.unwrap();
            return;
        } else {
            "250 ok"
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn mails_and_messages_to_phones_reach_the_mail_server() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let mut server = Server::start().await;
        let smtp = Smtp::new(&server.url, "Ridegraph <ride@example.com>", Some("sms.example.com"));
        let config = Config {
            password_cost: PasswordCost { memory_kib: 16, passes: 1 },
            notifier: Notifier::Smtp(smtp.unwrap()),
            ..Config::new(signing_keys())
        };
        let (parts, _) = parts(database);
        let running = auth::start(config, parts.clone()).await.unwrap();
        let client = Client::new("auth", running.app, &parts);
        let register = "mutation ($password: String!) { registerUser(input: { email: \"robin@example.com\", \
             password: $password, firstName: \"Robin\", lastName: \"Doe\" }) { tokens { accessToken } } }";
        let registered = client.data(register, json!({ "password": PASSWORD })).await;

        // The answer did not wait for it; turned away once, it is tried again.
        let mail = server.mails.recv().await.unwrap();
        assert_eq!(mail.to, "RCPT TO:<robin@example.com>");
        assert!(mail.text.contains("From: Ridegraph <ride@example.com>"), "{}", mail.text);
        assert!(mail.text.contains("Subject: Ridegraph: verify your mail address"));
        let (_, body) = mail.text.split_once("\n\n").unwrap();
        let token = body.lines().find(|line| line.len() > 30 && !line.contains(' ')).unwrap();
        let verify = "mutation ($token: String!) { verifyEmail(input: { token: $token }) { problems { code } } }";
        let verified = client.data(verify, json!({ "token": token })).await;
        assert_eq!(verified["verifyEmail"]["problems"], json!([]));

        let token = registered["registerUser"]["tokens"]["accessToken"].as_str().unwrap();
        let request = "mutation { requestPhoneVerification(input: { phone: \"+49301234567\" }) { problems { code } } }";
        client.bearer(token).data(request, json!({})).await;
        let mail = server.mails.recv().await.unwrap();
        assert_eq!(mail.to, "RCPT TO:<+49301234567@sms.example.com>");
        running.tasks.stop().await;
    })
    .await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |url, sender| Smtp::new(url, sender, None).err().unwrap().to_string();
    assert!(refused("pigeon://example.com", "ride@example.com").starts_with("SMTP_URL: "));
    assert!(refused("smtp://example.com", "nobody").starts_with("MAIL_FROM: "));
}
