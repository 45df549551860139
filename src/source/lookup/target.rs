//! Finds what there is to read: accounts, and regions in each of them.

use super::pace::Pace;
use super::patience::is_refusal;
use super::reading::now;
use super::{LookupSettings, RETENTION, Regions};
use crate::aws::cloudtrail::{Category, History, Page, Query};
use crate::aws::{Access, AwsError, Connection, default_regions, home_of_global_services, is_known, known_regions};
use crate::source::notes::{Level, Notes};
use crate::source::remote::in_time;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long STS may take to say whose the credentials are: it cannot be reached from everywhere.
const WHOSE: Duration = Duration::from_secs(3);

/// An account in a region.
#[derive(Clone)]
pub(super) struct Target {
    /// The account's id, when it is known.
    pub account: Option<String>,
    /// What the credentials are called, the same whether or not the account is known.
    pub credentials: String,
    pub region: String,
    pub history: History,
    pub pace: Arc<Pace>,
}

/// An account, and the connection whose credentials are for it.
#[derive(Clone)]
struct Account {
    id: Option<String>,
    credentials: String,
    connection: Connection,
}

impl Target {
    fn new(account: &Account, region: &str) -> Result<Self, AwsError> {
        let Account { id, credentials, connection } = account.clone();
        Ok(Self {
            history: History::new(&connection, region, &name(id.as_deref(), region))?,
            account: id,
            credentials,
            region: region.to_owned(),
            pace: Arc::new(Pace::new()),
        })
    }

    /// Returns what it is called in lines of the log.
    pub fn name(&self) -> String {
        name(self.account.as_deref(), &self.region)
    }

    /// Asks for the newest events of the last seconds of this many.
    async fn ask(&self, seconds: i64, attribute: Option<(String, String)>) -> Result<Page, AwsError> {
        let now = now();
        let query = Query { start: now - seconds, end: now, category: Category::Management, attribute };
        self.pace.call(self.history.lookup(&query, None)).await
    }
}

fn name(account: Option<&str>, region: &str) -> String {
    account.map_or_else(|| region.to_owned(), |id| format!("{region} of account {id}"))
}

/// Makes the connection with the credentials, in a region that they can be used in.
///
/// # Errors
///
/// Without a region, and when a file or a profile of the settings is not there.
pub(super) async fn connect(wanted: &LookupSettings, access: &Access) -> Result<Connection, AwsError> {
    match (Connection::new(access, None).await, &wanted.regions) {
        (Ok(connection), _) => Ok(connection),
        (Err(error), Regions::Configured) => Err(error),
        // Any will do that every account has enabled.
        (Err(_), Regions::Named(names)) => {
            let enabled = names.iter().find(|name| default_regions(name).contains(&name.as_str()));
            Connection::new(access, enabled.or(names.first()).map(String::as_str)).await
        }
        (Err(_), Regions::All) => Connection::new(access, Some("us-east-1")).await,
    }
}

/// Finds all that is to be read.
///
/// # Errors
///
/// Without credentials, and when there is nothing that may be read.
pub(super) async fn find(
    wanted: &LookupSettings,
    access: &Access,
    connection: Connection,
    notes: &Arc<Notes>,
) -> Result<Vec<Target>, AwsError> {
    notes.warn_of(connection.warning("CloudTrail"));
    let mut finding = JoinSet::new();
    for account in accounts(wanted, access, connection).await? {
        let (regions, notes) = (wanted.regions.clone(), Arc::clone(notes));
        finding.spawn(async move {
            let regions = regions_of(&account, regions, &notes).await;
            regions.iter().map(|region| Target::new(&account, region)).collect::<Result<Vec<_>, _>>()
        });
    }
    let mut targets = Vec::new();
    for found in finding.join_all().await {
        targets.extend(found?);
    }
    // The order in which answers came says nothing.
    targets.sort_by(|a, b| (&a.credentials, &a.region).cmp(&(&b.credentials, &b.region)));
    tell_what_is_left_out(&targets, notes);
    may_be_read(&targets, wanted.attribute.as_ref()).await?;
    Ok(targets)
}

/// Returns the accounts to read: those of the roles, or that of the credentials.
async fn accounts(wanted: &LookupSettings, access: &Access, connection: Connection) -> Result<Vec<Account>, AwsError> {
    let mut accounts = Vec::new();
    for role in &wanted.roles {
        let connection = connection.with_role(&role.arn, access.external_id.as_deref());
        accounts.push(Account { id: Some(role.account.clone()), credentials: role.account.clone(), connection });
    }
    if accounts.is_empty() {
        let role = access.assume_role_arn.as_deref();
        let credentials = role.or(access.profile.as_deref()).unwrap_or("default").to_owned();
        let unknown = Account { id: None, credentials, connection };
        accounts.push(Account { id: own_id(&unknown).await?, ..unknown });
    }
    Ok(accounts)
}

/// Returns the id of the account of the credentials: as STS says, or, where that cannot be asked, as the account's last
/// event does; `None` when neither answers.
async fn own_id(account: &Account) -> Result<Option<String>, AwsError> {
    let is_id = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if let Ok(Ok(id)) = timeout(WHOSE, account.connection.account()).await
        && is_id(&id)
    {
        return Ok(Some(id));
    }
    let target = Target::new(account, account.connection.region())?;
    let page = in_time(target.ask(RETENTION, None)).await.ok().flatten();
    let mut texts = page.into_iter().flat_map(|page| page.events).filter_map(|event| event.text);
    Ok(texts.find_map(|text| {
        let event: Value = serde_json::from_str(&text).ok()?;
        Some(event.get("recipientAccountId")?.as_str()?.to_owned()).filter(is_id)
    }))
}

/// Returns the regions of an account to read.
async fn regions_of(account: &Account, wanted: Regions, notes: &Notes) -> Vec<String> {
    let Account { id, connection, .. } = account;
    match wanted {
        Regions::Configured => return vec![connection.region().to_owned()],
        Regions::Named(names) => return names,
        Regions::All => {}
    }
    let (why, may_pass) = match in_time(connection.enabled_regions()).await {
        Ok(Some(regions)) if !regions.is_empty() => return regions,
        Ok(Some(_)) => ("it has none".to_owned(), false),
        Ok(None) => ("no answer in time".to_owned(), true),
        Err(error) => (error.to_string(), error.is_transient()),
    };
    // Those that are not enabled refuse, which is better than to leave out one that is.
    let (regions, which) = if may_pass {
        (known_regions(connection.region()), "trying all that this version knows".to_owned())
    } else {
        let regions = default_regions(connection.region());
        let which = format!(
            "reading those that every account has, {}; name the regions in open_params to read others",
            regions.join(", ")
        );
        (regions.to_vec(), which)
    };
    let account = id.as_ref().map_or_else(|| "the account".to_owned(), |id| format!("account {id}"));
    notes.say(Level::Warn, "regions", format!("cannot find the regions that {account} has enabled ({why}): {which}"));
    regions.into_iter().map(str::to_owned).collect()
}

/// Warns of regions in which nothing may be found, and of the one in which much would be.
fn tell_what_is_left_out(targets: &[Target], notes: &Notes) {
    let Some(first) = targets.first() else { return };
    let regions =
        || targets.iter().take_while(|target| target.credentials == first.credentials).map(|target| &target.region);
    for region in regions().filter(|region| !is_known(region)) {
        let text = format!(
            "{region} is no region that this version knows: it is tried, but look whether it is spelled as AWS does"
        );
        notes.say(Level::Warn, "regions", text);
    }
    let home = home_of_global_services(&first.region);
    if regions().all(|region| region != home) {
        let text = format!(
            "the events of IAM, STS, CloudFront, Route 53 and other global services are in {home} only, which is not \
             read: add it to open_params"
        );
        notes.say(Level::Warn, "regions", text);
    }
}

/// Asks everywhere once.
///
/// # Errors
///
/// When nothing may be read anywhere. What may pass is no error.
async fn may_be_read(targets: &[Target], attribute: Option<&(String, String)>) -> Result<(), AwsError> {
    let mut asked = JoinSet::new();
    for target in targets {
        let (target, attribute) = (target.clone(), attribute.cloned());
        asked.spawn(async move { in_time(target.ask(0, attribute)).await });
    }
    // All are waited for: one that is cut off may still come to the service, and would count.
    let answers = asked.join_all().await;
    let is_refused = |error: &AwsError| is_refusal(error.kind()) || error.is_credentials();
    let mut refusals: Vec<AwsError> = answers.into_iter().filter_map(Result::err).filter(is_refused).collect();
    if refusals.len() == targets.len()
        && let Some(refusal) = refusals.pop()
    {
        return Err(refusal);
    }
    Ok(())
}
