//! Names of users, as the record shows them.

/// The local user database; users of a directory service show as numbers, since asking one can take its time.
const USERS: &str = "/etc/passwd";

/// The name of a user, `uid:N` where there is none.
pub(crate) fn name(uid: u32) -> String {
    let known = std::fs::read_to_string(USERS).ok().and_then(|text| find(&text, uid));
    known.unwrap_or_else(|| format!("uid:{uid}"))
}

/// In passwd(5): `name:password:uid:…`.
fn find(text: &str, uid: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|n| !n.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_number_and_numbers_where_there_is_none() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\nmaria:x:1000:1000:Maria:/home/maria:/bin/sh\n";
        assert_eq!(find(text, 1000).as_deref(), Some("maria"));
        assert_eq!(find(text, 0).as_deref(), Some("root"));
        assert_eq!((find(text, 7), find(text, 1)), (None, None));
        assert_eq!(name(u32::MAX - 7), format!("uid:{}", u32::MAX - 7));
    }
}
