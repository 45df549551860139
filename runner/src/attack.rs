//! What MITRE ATT&CK calls the techniques that rules name in their tags, and the tactics that they serve (ATT&CK for
//! enterprises, version 17). A rule's tags are `mitre_<tactic>` and `T1234` or `T1234.001`.

/// The tactics, in the order of the matrix, as tags spell them behind `mitre_`.
pub const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource_development",
    "initial_access",
    "execution",
    "persistence",
    "privilege_escalation",
    "defense_evasion",
    "credential_access",
    "discovery",
    "lateral_movement",
    "collection",
    "command_and_control",
    "exfiltration",
    "impact",
];

/// A technique: ID, name, tactics.
pub type Technique = (&'static str, &'static str, &'static [&'static str]);

/// The techniques that the rules name.
pub const TECHNIQUES: &[Technique] = &[
    ("T1018", "Remote System Discovery", &["discovery"]),
    ("T1020", "Automated Exfiltration", &["exfiltration"]),
    ("T1021.004", "Remote Services: SSH", &["lateral_movement"]),
    ("T1021.007", "Remote Services: Cloud Services", &["lateral_movement"]),
    ("T1021.008", "Remote Services: Direct Cloud VM Connections", &["lateral_movement"]),
    ("T1037", "Boot or Logon Initialization Scripts", &["persistence", "privilege_escalation"]),
    ("T1040", "Network Sniffing", &["credential_access", "discovery"]),
    ("T1048", "Exfiltration Over Alternative Protocol", &["exfiltration"]),
    (
        "T1048.003",
        "Exfiltration Over Alternative Protocol: Exfiltration Over Unencrypted Non-C2 Protocol",
        &["exfiltration"],
    ),
    ("T1053", "Scheduled Task/Job", &["execution", "persistence", "privilege_escalation"]),
    ("T1059", "Command and Scripting Interpreter", &["execution"]),
    ("T1059.009", "Command and Scripting Interpreter: Cloud API", &["execution"]),
    ("T1069.003", "Permission Groups Discovery: Cloud Groups", &["discovery"]),
    ("T1070", "Indicator Removal", &["defense_evasion"]),
    ("T1072", "Software Deployment Tools", &["execution", "lateral_movement"]),
    ("T1074.002", "Data Staged: Remote Data Staging", &["collection"]),
    (
        "T1078.004",
        "Valid Accounts: Cloud Accounts",
        &["defense_evasion", "initial_access", "persistence", "privilege_escalation"],
    ),
    ("T1082", "System Information Discovery", &["discovery"]),
    ("T1087.004", "Account Discovery: Cloud Account", &["discovery"]),
    ("T1090.004", "Proxy: Domain Fronting", &["command_and_control"]),
    ("T1098", "Account Manipulation", &["persistence", "privilege_escalation"]),
    ("T1098.001", "Account Manipulation: Additional Cloud Credentials", &["persistence", "privilege_escalation"]),
    ("T1098.003", "Account Manipulation: Additional Cloud Roles", &["persistence", "privilege_escalation"]),
    ("T1098.004", "Account Manipulation: SSH Authorized Keys", &["persistence", "privilege_escalation"]),
    ("T1098.005", "Account Manipulation: Device Registration", &["persistence", "privilege_escalation"]),
    ("T1098.006", "Account Manipulation: Additional Container Cluster Roles", &["persistence", "privilege_escalation"]),
    ("T1110", "Brute Force", &["credential_access"]),
    ("T1110.001", "Brute Force: Password Guessing", &["credential_access"]),
    ("T1114.003", "Email Collection: Email Forwarding Rule", &["collection"]),
    ("T1133", "External Remote Services", &["initial_access", "persistence"]),
    ("T1136", "Create Account", &["persistence"]),
    ("T1136.003", "Create Account: Cloud Account", &["persistence"]),
    ("T1185", "Browser Session Hijacking", &["collection"]),
    ("T1190", "Exploit Public-Facing Application", &["initial_access"]),
    ("T1195.002", "Supply Chain Compromise: Compromise Software Supply Chain", &["initial_access"]),
    ("T1199", "Trusted Relationship", &["initial_access"]),
    ("T1213", "Data from Information Repositories", &["collection"]),
    ("T1222", "File and Directory Permissions Modification", &["defense_evasion"]),
    (
        "T1484.002",
        "Domain or Tenant Policy Modification: Trust Modification",
        &["defense_evasion", "privilege_escalation"],
    ),
    ("T1485", "Data Destruction", &["impact"]),
    ("T1485.001", "Data Destruction: Lifecycle-Triggered Deletion", &["impact"]),
    ("T1486", "Data Encrypted for Impact", &["impact"]),
    ("T1489", "Service Stop", &["impact"]),
    ("T1490", "Inhibit System Recovery", &["impact"]),
    ("T1496", "Resource Hijacking", &["impact"]),
    ("T1496.001", "Resource Hijacking: Compute Hijacking", &["impact"]),
    ("T1496.003", "Resource Hijacking: SMS Pumping", &["impact"]),
    ("T1496.004", "Resource Hijacking: Cloud Service Hijacking", &["impact"]),
    ("T1525", "Implant Internal Image", &["persistence"]),
    ("T1526", "Cloud Service Discovery", &["discovery"]),
    ("T1530", "Data from Cloud Storage", &["collection"]),
    ("T1531", "Account Access Removal", &["impact"]),
    ("T1535", "Unused/Unsupported Cloud Regions", &["defense_evasion"]),
    ("T1537", "Transfer Data to Cloud Account", &["exfiltration"]),
    ("T1546", "Event Triggered Execution", &["persistence", "privilege_escalation"]),
    (
        "T1548.005",
        "Abuse Elevation Control Mechanism: Temporary Elevated Cloud Access",
        &["defense_evasion", "privilege_escalation"],
    ),
    ("T1550", "Use Alternate Authentication Material", &["defense_evasion", "lateral_movement"]),
    (
        "T1550.001",
        "Use Alternate Authentication Material: Application Access Token",
        &["defense_evasion", "lateral_movement"],
    ),
    ("T1552", "Unsecured Credentials", &["credential_access"]),
    ("T1552.001", "Unsecured Credentials: Credentials In Files", &["credential_access"]),
    ("T1552.004", "Unsecured Credentials: Private Keys", &["credential_access"]),
    ("T1552.005", "Unsecured Credentials: Cloud Instance Metadata API", &["credential_access"]),
    ("T1553", "Subvert Trust Controls", &["defense_evasion"]),
    ("T1553.004", "Subvert Trust Controls: Install Root Certificate", &["defense_evasion"]),
    ("T1555", "Credentials from Password Stores", &["credential_access"]),
    ("T1555.006", "Credentials from Password Stores: Cloud Secrets Management Stores", &["credential_access"]),
    ("T1556", "Modify Authentication Process", &["credential_access", "defense_evasion", "persistence"]),
    (
        "T1556.006",
        "Modify Authentication Process: Multi-Factor Authentication",
        &["credential_access", "defense_evasion", "persistence"],
    ),
    (
        "T1556.007",
        "Modify Authentication Process: Hybrid Identity",
        &["credential_access", "defense_evasion", "persistence"],
    ),
    (
        "T1556.009",
        "Modify Authentication Process: Conditional Access Policies",
        &["credential_access", "defense_evasion", "persistence"],
    ),
    ("T1557", "Adversary-in-the-Middle", &["collection", "credential_access"]),
    ("T1562", "Impair Defenses", &["defense_evasion"]),
    ("T1562.001", "Impair Defenses: Disable or Modify Tools", &["defense_evasion"]),
    ("T1562.007", "Impair Defenses: Disable or Modify Cloud Firewall", &["defense_evasion"]),
    ("T1562.008", "Impair Defenses: Disable or Modify Cloud Logs", &["defense_evasion"]),
    ("T1565", "Data Manipulation", &["impact"]),
    ("T1565.001", "Data Manipulation: Stored Data Manipulation", &["impact"]),
    ("T1567", "Exfiltration Over Web Service", &["exfiltration"]),
    ("T1567.002", "Exfiltration Over Web Service: Exfiltration to Cloud Storage", &["exfiltration"]),
    ("T1574", "Hijack Execution Flow", &["defense_evasion", "persistence", "privilege_escalation"]),
    ("T1578.001", "Modify Cloud Compute Infrastructure: Create Snapshot", &["defense_evasion"]),
    ("T1578.002", "Modify Cloud Compute Infrastructure: Create Cloud Instance", &["defense_evasion"]),
    ("T1578.003", "Modify Cloud Compute Infrastructure: Delete Cloud Instance", &["defense_evasion"]),
    ("T1578.004", "Modify Cloud Compute Infrastructure: Revert Cloud Instance", &["defense_evasion"]),
    ("T1578.005", "Modify Cloud Compute Infrastructure: Modify Cloud Compute Configurations", &["defense_evasion"]),
    ("T1580", "Cloud Infrastructure Discovery", &["discovery"]),
    ("T1583.001", "Acquire Infrastructure: Domains", &["resource_development"]),
    ("T1583.006", "Acquire Infrastructure: Web Services", &["resource_development"]),
    ("T1584", "Compromise Infrastructure", &["resource_development"]),
    ("T1584.001", "Compromise Infrastructure: Domains", &["resource_development"]),
    ("T1584.002", "Compromise Infrastructure: DNS Server", &["resource_development"]),
    ("T1585.002", "Establish Accounts: Email Accounts", &["resource_development"]),
    ("T1588.004", "Obtain Capabilities: Digital Certificates", &["resource_development"]),
    ("T1599", "Network Boundary Bridging", &["defense_evasion"]),
    ("T1600", "Weaken Encryption", &["defense_evasion"]),
    ("T1608", "Stage Capabilities", &["resource_development"]),
    ("T1608.003", "Stage Capabilities: Install Digital Certificate", &["resource_development"]),
    ("T1609", "Container Administration Command", &["execution"]),
    ("T1610", "Deploy Container", &["defense_evasion", "execution"]),
    ("T1611", "Escape to Host", &["privilege_escalation"]),
    ("T1619", "Cloud Storage Object Discovery", &["discovery"]),
    ("T1648", "Serverless Execution", &["execution"]),
    ("T1649", "Steal or Forge Authentication Certificates", &["credential_access"]),
    ("T1651", "Cloud Administration Command", &["execution"]),
    ("T1654", "Log Enumeration", &["discovery"]),
    ("T1666", "Modify Cloud Resource Hierarchy", &["defense_evasion"]),
];

/// Finds a technique by its ID.
#[must_use]
pub fn technique(id: &str) -> Option<&'static Technique> {
    TECHNIQUES.iter().find(|(known, ..)| *known == id)
}

/// The techniques among a rule's tags.
pub fn techniques(tags: &[String]) -> impl Iterator<Item = &str> {
    tags.iter().map(String::as_str).filter(|tag| is_technique(tag))
}

/// The tactics among a rule's tags.
pub fn tactics(tags: &[String]) -> impl Iterator<Item = &str> {
    tags.iter().filter_map(|tag| tag.strip_prefix("mitre_"))
}

/// The tactics under which a rule's technique belongs: those of the technique that the rule names, or if it names none
/// of them, all of the technique's.
#[must_use]
pub fn places(technique: &Technique, tags: &[String]) -> Vec<&'static str> {
    let named: Vec<_> = technique.2.iter().copied().filter(|tactic| tactics(tags).any(|tag| tag == *tactic)).collect();
    if named.is_empty() { technique.2.to_vec() } else { named }
}

/// Whether a tag has the form of a technique's ID.
fn is_technique(tag: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    tag.strip_prefix('T').is_some_and(|rest| match rest.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(rest, 4),
    })
}

/// A tactic as people write it: `Defense Evasion`.
#[must_use]
pub fn title(tactic: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) if word != "and" => first.to_ascii_uppercase() + rest,
        _ => word.to_owned(),
    };
    tactic.split('_').map(capital).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_well_formed() {
        assert!(TECHNIQUES.is_sorted_by(|a, b| a.0 < b.0));
        for (id, name, tactics) in TECHNIQUES {
            assert!(is_technique(id) && !name.is_empty() && !tactics.is_empty(), "{id}");
            assert!(tactics.iter().all(|tactic| TACTICS.contains(tactic)), "{id}");
        }
    }

    #[test]
    fn tags_are_told_apart() {
        let tags: Vec<String> =
            ["aws", "mitre_impact", "T1485", "T1485.001", "T14850", "TLS"].map(str::to_owned).into();
        assert_eq!(techniques(&tags).collect::<Vec<_>>(), ["T1485", "T1485.001"]);
        assert_eq!(tactics(&tags).collect::<Vec<_>>(), ["impact"]);
        assert_eq!(title("command_and_control"), "Command and Control");
    }

    #[test]
    fn a_technique_stands_under_the_tactics_that_the_rule_names() {
        let technique = ("T1078", "Valid Accounts", &["initial_access", "persistence"][..]);
        let tags = |tag: &str| vec![tag.to_owned()];
        assert_eq!(places(&technique, &tags("mitre_persistence")), ["persistence"]);
        assert_eq!(places(&technique, &tags("mitre_impact")), ["initial_access", "persistence"]);
    }
}
