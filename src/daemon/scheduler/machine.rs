//! What this machine tells of itself: power, network, load. What it does not tell is not known.
//!
//! Linux only, by files that need no rights: `/sys/class/power_supply`, `/proc/net/route` and
//! `/proc/net/ipv6_route`, `/sys/class/net`, `/proc/loadavg`. A network counts as metered where its
//! default route goes over a mobile connection (`wwan`, `ppp`, a phone on USB); what a person marked
//! as metered elsewhere is not seen.

use crate::schedule::{Load, Surroundings};
use std::fs;
use std::path::Path;

/// The machine as it is now.
pub(super) async fn look() -> Surroundings {
    let looked = tokio::task::spawn_blocking(|| look_below(Path::new("/"))).await;
    looked.unwrap_or_default()
}

fn look_below(root: &Path) -> Surroundings {
    let ways_out = ways_out(root);
    Surroundings {
        ac_power: ac_power(&root.join("sys/class/power_supply")),
        metered: ways_out
            .as_ref()
            .map(|ways| !ways.is_empty() && ways.iter().all(|way| is_mobile(way))),
        network: ways_out.map(|ways| !ways.is_empty()),
        load: load(&root.join("proc/loadavg")),
    }
}

fn line(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// A machine without a battery is on AC power; one that has one tells by its other supplies, and
/// where it has none, by whether the battery is being emptied.
fn ac_power(folder: &Path) -> Option<bool> {
    let entries = fs::read_dir(folder).ok()?;
    let (mut mains, mut batteries) = (Vec::new(), Vec::new());
    for supply in entries.flatten().map(|entry| entry.path()) {
        // A mouse has a battery as well; it powers no machine.
        if line(&supply.join("scope")).as_deref() == Some("Device") {
            continue;
        }
        match line(&supply.join("type")).as_deref() {
            Some("Mains" | "USB" | "Wireless") => mains.extend(line(&supply.join("online"))),
            Some("Battery") => batteries.extend(line(&supply.join("status"))),
            _ => {}
        }
    }
    match (mains.is_empty(), batteries.is_empty()) {
        (_, true) => Some(true),
        (false, false) => Some(mains.iter().any(|online| online == "1")),
        (true, false) => Some(batteries.iter().all(|status| status != "Discharging")),
    }
}

/// The interfaces of the default routes.
fn ways_out(root: &Path) -> Option<Vec<String>> {
    let v4 = fs::read_to_string(root.join("proc/net/route")).ok();
    let v6 = fs::read_to_string(root.join("proc/net/ipv6_route")).ok();
    if v4.is_none() && v6.is_none() {
        return None;
    }
    let mut ways = Vec::new();
    for line in v4.iter().flat_map(|text| text.lines().skip(1)) {
        let fields: Vec<_> = line.split_whitespace().collect();
        // Interface, destination, …, mask: both zero.
        if let [interface, "00000000", _, _, _, _, _, "00000000", ..] = fields[..] {
            ways.push(interface.to_owned());
        }
    }
    for line in v6.iter().flat_map(|text| text.lines()) {
        let fields: Vec<_> = line.split_whitespace().collect();
        // Destination and the length of its prefix, …, interface: what goes to `lo` is refused.
        if let [destination, "00", .., interface] = fields[..]
            && destination.bytes().all(|byte| byte == b'0')
            && interface != "lo"
        {
            ways.push(interface.to_owned());
        }
    }
    Some(ways)
}

fn is_mobile(interface: &str) -> bool {
    ["wwan", "wwp", "wws", "ppp", "rmnet", "usb"].iter().any(|start| interface.starts_with(start))
}

fn load(path: &Path) -> Option<Load> {
    let text = line(path)?;
    let (whole, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let (whole, hundredths): (u32, u32) = (whole.parse().ok()?, hundredths.parse().ok()?);
    Some(Load(whole.saturating_mul(100).saturating_add(hundredths)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Surroundings {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        look_below(root.path())
    }

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n";

    #[test]
    fn what_it_does_not_tell_is_not_known() {
        assert_eq!(machine(&[]), Surroundings::default());
    }

    #[test]
    fn power_is_told_by_supplies_and_batteries() {
        let power = |files: &[(&str, &str)]| {
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (format!("sys/class/power_supply/{path}"), *text))
                .collect();
            let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            machine(&files).ac_power
        };
        let battery = [("BAT0/type", "Battery\n"), ("BAT0/status", "Discharging\n")];
        let mains = |online| [("AC/type", "Mains\n"), ("AC/online", online)];
        assert_eq!(power(&[battery, mains("1\n")].concat()), Some(true));
        assert_eq!(power(&[battery, mains("0\n")].concat()), Some(false));
        assert_eq!(power(&battery), Some(false));
        assert_eq!(power(&mains("0\n")), Some(true), "it has no battery");
        let mouse =
            [("hid/type", "Battery"), ("hid/status", "Discharging"), ("hid/scope", "Device")];
        assert_eq!(power(&mouse), Some(true));
    }

    #[test]
    fn the_default_route_tells_of_the_network() {
        let routes = |lines: &str| machine(&[("proc/net/route", &format!("{ROUTES}{lines}"))]);
        let way =
            |name: &str| format!("{name}\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\n");
        let lan = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n";
        let seen = |lines: &str| (routes(lines).network, routes(lines).metered);
        assert_eq!(seen(lan), (Some(false), Some(false)));
        assert_eq!(seen(&way("eth0")), (Some(true), Some(false)));
        assert_eq!(seen(&way("wwan0")), (Some(true), Some(true)));
        assert_eq!(seen(&format!("{}{}", way("wwan0"), way("wlan0"))), (Some(true), Some(false)));
        let zero = "0".repeat(32);
        let six = |name: &str| {
            format!("{zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 00000003 {name}\n")
        };
        let of = |name: &str| machine(&[("proc/net/ipv6_route", &six(name))]).network;
        assert_eq!((of("eth0"), of("lo")), (Some(true), Some(false)));
    }

    #[test]
    fn the_load_is_that_of_the_last_minute() {
        assert_eq!(
            machine(&[("proc/loadavg", "1.07 0.90 0.50 1/234 5678\n")]).load,
            Some(Load(107))
        );
    }
}
