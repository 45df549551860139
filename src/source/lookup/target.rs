//! Finds what there is to read: accounts, and regions in each of them.

use super::LookupSettings;
use super::pace::Pace;
use super::patience::is_refusal;
use super::reading::now;
use crate::aws::cloudtrail::{Category, History, Page, Query};
use crate::aws::{Access, AwsError, Connection, default_regions, home_of_global_services, is_known};
use crate::source::notes::{Level, Notes};
use crate::source::remote::in_time;
use serde_json::Value;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What an account is called of which nothing is known but that the credentials are for it.
const UNKNOWN: &str = "default";

/// An account in a region.
pub(super) struct Target {
    /// The account's id, or what stands for it.
    pub account: String,
    pub region: String,
    /// What is asked in place of AWS.
    pub endpoint: Option<String>,
    pub history: History,
    pub pace: Arc<Pace>,
}

/// An account, and the connection whose credentials are for it.
struct Account {
    id: String,
    connection: Connection,
}

impl Target {
    fn new(account: &Account, region: &str) -> Result<Self, AwsError> {
        let Account { id, connection } = account;
        Ok(Self {
            account: id.clone(),
            region: region.to_owned(),
            endpoint: connection.endpoint("CloudTrail"),
            history: History::new(connection, region, &name(id, region))?,
            pace: Arc::new(Pace::new()),
        })
    }

    /// Returns what it is called in lines of the log.
    pub fn name(&self) -> String {
        name(&self.account, &self.region)
    }

    /// Asks for the events of the last seconds of this many.
    async fn ask(&self, seconds: i64) -> Result<Page, AwsError> {
        let now = now();
        let query = Query { start: now - seconds, end: now, category: Category::Management, attribute: None };
        self.pace.call(self.history.lookup(&query, None)).await
    }
}

fn name(account: &str, region: &str) -> String {
    if account == UNKNOWN { region.to_owned() } else { format!("{region} of account {account}") }
}

/// Finds all that is to be read.
///
/// # Errors
///
/// Without credentials or a region, and when there is nothing that may be read.
pub(super) async fn find(
    wanted: &LookupSettings,
    access: &Access,
    notes: &Arc<Notes>,
) -> Result<Vec<Target>, AwsError> {
    let named = wanted.regions.as_deref().unwrap_or_default();
    let connection = Connection::new(access, named.first().map(String::as_str)).await?;
    let mut accounts = Vec::new();
    for role in &wanted.roles {
        let connection = connection.with_role(&role.arn, access.external_id.as_deref()).await;
        accounts.push(Account { id: role.account.clone(), connection });
    }
    if accounts.is_empty() {
        accounts.push(Account { id: own_account(&connection).await?, connection });
    }
    let mut targets = Vec::new();
    for account in &accounts {
        for region in regions(account, wanted, notes).await {
            targets.push(Target::new(account, &region)?);
        }
    }
    tell_what_is_left_out(&targets, notes);
    may_be_read(targets).await
}

/// Returns the account of the credentials: as STS says, or, where that cannot be asked, as the last event does.
async fn own_account(connection: &Connection) -> Result<String, AwsError> {
    if let Ok(Some(id)) = in_time(connection.account()).await {
        return Ok(id);
    }
    let unknown = Account { id: UNKNOWN.to_owned(), connection: connection.clone() };
    let target = Target::new(&unknown, connection.region())?;
    let page = in_time(target.ask(super::KEPT)).await.ok().flatten();
    let texts = page.into_iter().flat_map(|page| page.events).filter_map(|event| event.text);
    let ids = texts.filter_map(|text| {
        let event: Value = serde_json::from_str(&text).ok()?;
        Some(event.get("recipientAccountId")?.as_str()?.to_owned())
    });
    Ok(ids.into_iter().next().unwrap_or(unknown.id))
}

/// Returns the regions of an account to read.
async fn regions(account: &Account, wanted: &LookupSettings, notes: &Notes) -> Vec<String> {
    let Account { id, connection } = account;
    match &wanted.regions {
        Some(named) if named.is_empty() => return vec![connection.region().to_owned()],
        Some(named) => return named.clone(),
        None => {}
    }
    let why = match in_time(connection.enabled_regions()).await {
        Ok(Some(regions)) if !regions.is_empty() => return regions,
        Ok(Some(_)) => "it has none".to_owned(),
        Ok(None) => "no answer in time".to_owned(),
        Err(error) => error.to_string(),
    };
    let regions = default_regions(connection.region());
    let text = format!(
        "cannot find the regions that account {id} has enabled ({why}): reading those that every account has, {}; name the \
         regions in open_params to read others",
        regions.join(", ")
    );
    notes.say(Level::Warn, "regions", text);
    regions.iter().map(|region| (*region).to_owned()).collect()
}

/// Warns of regions in which nothing may be found, and of the one in which much would be.
fn tell_what_is_left_out(targets: &[Target], notes: &Notes) {
    for target in targets.iter().filter(|target| !is_known(&target.region)) {
        let text = format!("{} is no region that this version knows, is it spelled as AWS does?", target.region);
        notes.say(Level::Warn, "regions", text);
    }
    let Some(home) = targets.first().map(|target| home_of_global_services(&target.region)) else { return };
    if targets.iter().all(|target| target.region != home) {
        let text = format!(
            "the events of IAM, STS, CloudFront, Route 53 and other global services are in {home} only, which is not \
             read: add it to open_params"
        );
        notes.say(Level::Warn, "regions", text);
    }
}

/// Asks everywhere once, and returns all targets if one of them may be read or may be readable later.
async fn may_be_read(targets: Vec<Target>) -> Result<Vec<Target>, AwsError> {
    let mut asked = JoinSet::new();
    for target in targets {
        asked.spawn(async move {
            let answer = in_time(target.ask(0)).await;
            (target, answer)
        });
    }
    let (mut targets, mut refusals) = (Vec::new(), Vec::new());
    while let Some(Ok((target, answer))) = asked.join_next().await {
        targets.push(target);
        refusals.extend(answer.err().filter(|error| is_refusal(error.kind()) || error.is_credentials()));
    }
    // The order in which answers came says nothing.
    targets.sort_by(|a, b| (&a.account, &a.region).cmp(&(&b.account, &b.region)));
    match refusals.pop() {
        Some(refusal) if refusals.len() + 1 == targets.len() => Err(refusal),
        _ => Ok(targets),
    }
}
