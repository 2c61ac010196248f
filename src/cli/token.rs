//! `holdfast token`.

use super::{Client, Context, Exit, Failure, Output, parse, words};
use crate::api::{
    CreateTokenRequest, CreatedToken, GetStatusRequest, ListPeersRequest, ListTokensRequest,
    PeerList, RevokeTokenRequest, Token,
};
use crate::clock;
use crate::model::Timestamp;
use crate::pairing::Ttl;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Tokens that other machines pair with
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Example:\n  holdfast token create --label nas --ask 'read-operations=*'\n  holdfast token list"
)]
pub(crate) enum Command {
    Create(Create),
    /// List all tokens, without their secrets
    #[command(after_help = "Example:\n  holdfast token list")]
    List,
    /// Make a token useless; who paired with it stays paired
    #[command(after_help = "Example:\n  holdfast token revoke laptop")]
    Revoke {
        /// Its id or label
        token: String,
    },
}

/// Make a token; its secret is shown once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast token create --label nas --ask 'read-operations=*'\n  \
    holdfast token create --grant receive-shared-repos=repo:vault --ask send-shared-repos \
    --ask 'read-operations=*'")]
pub(crate) struct Create {
    /// What it is for
    #[arg(long, default_value = "")]
    label: String,
    /// How long it may be used: 15m, 1h, 24h, 7d, never
    #[arg(long, default_value = "24h")]
    ttl: Ttl,
    /// How many machines may use it; 0 is unlimited
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_uses: u32,
    /// What they get: PERM[=SCOPE,..]; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse::grant)]
    grant: Vec<crate::api::Grant>,
    /// What they are asked for: PERM[=SCOPE,..]; may be repeated
    #[arg(long, value_name = "GRANT", value_parser = parse::grant)]
    ask: Vec<crate::api::Grant>,
    /// Whoever uses it takes over this peer's grants, history and repos; its old key is refused
    #[arg(long, value_name = "PEER")]
    replaces: Option<String>,
    /// How they reach this instance [default: `urls` of the config]; may be repeated
    #[arg(long, value_name = "URL")]
    url: Vec<crate::pairing::PeerUrl>,
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut tokens = client.tokens();
        let output = context.output;
        match self {
            Self::Create(create) => {
                let created = tokens.create(create.request()).await?.into_inner();
                let listen = match created.link {
                    None if !output.is_json() => listening(&client).await,
                    Some(_) | None => Vec::new(),
                };
                let names = Names::read(&client, output, &created.replaces).await;
                output.show(&created, || rendered(&created, &listen, &names, clock::now()))?;
            }
            Self::List => {
                let list = tokens.list(ListTokensRequest {}).await?.into_inner().tokens;
                let replaced = list.iter().flat_map(|token| &token.replaces);
                let names = Names::read(&client, output, replaced).await;
                output.show(&list, || listed(output, &list, &names, clock::now()))?;
            }
            Self::Revoke { token } => {
                let revoked = tokens.revoke(RevokeTokenRequest { token }).await?.into_inner();
                output.show(&revoked, || format!("token {} is revoked", name(&revoked)))?;
            }
        }
        Ok(Exit::Done)
    }
}

impl Create {
    fn request(self) -> CreateTokenRequest {
        let ttl_s = match self.ttl {
            Ttl::For(time) => Some(time.as_secs()),
            Ttl::Never => None,
        };
        CreateTokenRequest {
            label: self.label,
            ttl_s,
            max_uses: self.max_uses,
            grants: self.grant,
            asks: self.ask,
            replaces: self.replaces,
            urls: self.url.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What the peers are called whose keys tokens replace, also once they are replaced.
#[derive(Debug, Default)]
struct Names(HashMap<String, String>);

impl Names {
    /// Asked for only where people read and there is a key to name. The answer they want is here
    /// already: that the names are not known must not hide it.
    async fn read<'a>(
        client: &Client,
        output: Output,
        replaced: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        if output.is_json() || replaced.into_iter().next().is_none() {
            return Self::default();
        }
        let list = client.peers().list(ListPeersRequest {}).await;
        list.map_or_else(|_| Self::default(), |list| Self::of_list(list.into_inner()))
    }

    /// Who is a peer now counts, where a key is in both lists.
    fn of_list(list: PeerList) -> Self {
        let removed = list.removed.into_iter().map(|one| (one.key_id, one.instance));
        let peers = list.peers.into_iter().map(|one| (one.key_id, one.instance));
        Self(removed.chain(peers).collect())
    }

    /// Its name, else the key itself.
    fn of<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, String::as_str)
    }
}

fn name(token: &Token) -> &str {
    token.label.as_ref().unwrap_or(&token.id)
}

/// Where this instance listens. The token is made: that nothing is known must not hide it.
async fn listening(client: &Client) -> Vec<String> {
    let status = client.status().get(GetStatusRequest {}).await;
    status.map_or_else(|_| Vec::new(), |status| status.into_inner().listen)
}

/// What is missing in the line for the other machine, where no address of this one is known.
fn unreached(listen: &[String]) -> String {
    let is_loopback =
        |at: &String| at.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    let loopback = match listen {
        [_, ..] if listen.iter().all(is_loopback) => format!(
            "\nThis instance listens on loopback only ({}): others reach it through a proxy, or \
             once `listen`\nin its config has another address.",
            listen.join(", ")
        ),
        _ => String::new(),
    };
    format!(
        "\nReplace HOST with a name or address under which this machine is reached (--url or \
         `urls` in\nthe config say it beforehand).{loopback}\n"
    )
}

fn rendered(token: &CreatedToken, listen: &[String], names: &Names, now: Timestamp) -> String {
    let expires = match &token.expires_at {
        Some(at) => format!("expires {}", words::relative(at, now)),
        None => "never expires".to_owned(),
    };
    let uses = match token.max_uses {
        0 => "any number of machines may use it".to_owned(),
        1 => "one machine may use it".to_owned(),
        n => format!("{n} machines may use it"),
    };
    let more = match &token.link {
        Some(link) => format!("\nor with the link:\n\n  {link}\n"),
        None => unreached(listen),
    };
    let instead = match &token.replaces {
        Some(key) => {
            let name = names.of(key);
            format!("\ninstead of {name}, whose grants, history and repos go to who uses it")
        }
        None => String::new(),
    };
    format!(
        "On the other machine:\n\n  {}\n{more}\n{uses}, {expires}; shown only now.\n\
         id        {}\nit gives  {}\nit asks   {}{instead}",
        token.join_command,
        token.id,
        words::grants(&token.grants),
        words::grants(&token.asks),
    )
}

fn gives_all_of(token: &Token, replaced: &str) -> String {
    match token.grants.is_empty() {
        true => format!("all of {replaced}"),
        false => format!("{}, and all of {replaced}", words::grants(&token.grants)),
    }
}

fn listed(output: Output, tokens: &[Token], names: &Names, now: Timestamp) -> String {
    if tokens.is_empty() {
        return "no tokens yet: holdfast token create --ask 'read-operations=*'".to_owned();
    }
    let row = |token: &Token| {
        let limit = if token.max_uses == 0 { "∞".to_owned() } else { token.max_uses.to_string() };
        [
            token.id.clone(),
            token.label.clone().unwrap_or_default(),
            words::marked(&token.state, &token.state.replace('-', " ")),
            token.expires_at.as_ref().map_or("never".to_owned(), |at| words::relative(at, now)),
            format!("{} of {limit}", token.uses),
            match &token.replaces {
                Some(key) => gives_all_of(token, names.of(key)),
                None => words::grants(&token.grants),
            },
            words::grants(&token.asks),
        ]
    };
    output.table(
        ["id", "label", "state", "expires", "used", "gives", "asks for"],
        tokens.iter().map(row),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::{Peer, RemovedKey};

    #[test]
    fn a_new_token_is_one_line_to_copy() {
        let token = CreatedToken {
            join_command: "holdfast join TOKEN --url https://nas.example".to_owned(),
            max_uses: 1,
            expires_at: Some("2026-11-22T04:00:00.000Z".to_owned()),
            id: "1a2b3c".to_owned(),
            link: Some("holdfast://nas.example#TOKEN".to_owned()),
            ..CreatedToken::default()
        };
        let now = Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap();
        let text = rendered(&token, &[], &Names::default(), now);
        assert!(text.contains("\n  holdfast join TOKEN --url https://nas.example\n"), "{text}");
        assert!(text.contains("one machine may use it, expires in 24 h; shown only now"), "{text}");
        let end = "\nid        1a2b3c\nit gives  nothing\nit asks   nothing";
        assert!(text.ends_with(end) && !text.contains("HOST"), "{text}");
        let instead = CreatedToken { replaces: Some("ed25519.K".to_owned()), ..token };
        let said = |names: &Names| rendered(&instead, &[], names, now);
        assert!(said(&Names::default()).contains("\ninstead of ed25519.K, whose grants"));
        assert!(said(&names()).contains("\ninstead of nas, whose grants"));
    }

    #[test]
    fn a_line_without_an_address_says_what_it_lacks() {
        let said = |listen: &[&str]| {
            let listen: Vec<_> = listen.iter().map(|&at| at.to_owned()).collect();
            rendered(&CreatedToken::default(), &listen, &Names::default(), Timestamp::EPOCH)
        };
        let loopback = said(&["127.0.0.1:9898", "[::1]:9898"]);
        assert!(loopback.contains("Replace HOST with"), "{loopback}");
        assert!(loopback.contains("loopback only (127.0.0.1:9898, [::1]:9898)"), "{loopback}");
        for open in [&["127.0.0.1:9898", "0.0.0.0:9899"][..], &[]] {
            let open = said(open);
            assert!(open.contains("Replace HOST with") && !open.contains("loopback"), "{open}");
        }
    }

    #[test]
    fn no_tokens_says_the_next_step() {
        let said = listed(Output::plain(), &[], &Names::default(), Timestamp::EPOCH);
        assert!(said.contains("holdfast token create"));
    }

    fn names() -> Names {
        let removed = |key_id: &str, instance: &str| RemovedKey {
            instance: instance.to_owned(),
            key_id: key_id.to_owned(),
            ..RemovedKey::default()
        };
        let again =
            Peer { instance: "nas".to_owned(), key_id: "ed25519.K".to_owned(), ..Peer::default() };
        let removed = vec![removed("ed25519.K", "as it was called"), removed("ed25519.O", "old")];
        Names::of_list(PeerList { peers: vec![again], removed, ..PeerList::default() })
    }

    #[test]
    fn whom_a_token_replaces_is_named() {
        let replacing = |key: &str| Token { replaces: Some(key.to_owned()), ..Token::default() };
        let grants = vec![crate::api::Grant {
            permission: "send-shared-repos".to_owned(),
            ..crate::api::Grant::default()
        }];
        let tokens = [
            replacing("ed25519.K"),
            Token { grants, ..replacing("ed25519.O") },
            replacing("ed25519.X"),
        ];
        let table = listed(Output::plain(), &tokens, &names(), Timestamp::EPOCH);
        let rows: Vec<_> = table.lines().collect();
        assert!(rows[1].contains("  all of nas  "), "{table}");
        assert!(rows[2].contains("  send repos, and all of old  "), "{table}");
        assert!(rows[3].contains("  all of ed25519.X  "), "who is not known: {table}");
    }
}
