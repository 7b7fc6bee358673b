//! What users write: normalised, and checked for what is wrong with it.

use async_graphql::Error;
use sea_orm::{DbErr, SqlErr};
use service::{ConflictCode, Problem, ValidationCode};

const LONGEST_NAME: usize = 100;
const LONGEST_EMAIL: usize = 254;
const LONGEST_REASON: usize = 500;

/// A mail address in lower case: one account, however it is written.
pub(crate) fn email(text: &str, problems: &mut Vec<Problem>) -> String {
    let email = text.trim().to_lowercase();
    if !is_email(&email) {
        problems.push(Problem::validation(
            ValidationCode::INVALID_FORMAT,
            &["email"],
            "not a mail address",
        ));
    }
    email
}

/// Enough to catch a slip; whether it exists is found out by a message to it.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let local_is_sound = !local.is_empty()
        && local.len() <= 64
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\\\"[]".contains(c));
    text.len() <= LONGEST_EMAIL
        && local_is_sound
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// Why something is done, for whoever reads it later.
pub(crate) fn reason(text: &str, problems: &mut Vec<Problem>) -> String {
    let reason = text.trim().to_owned();
    let (code, message) = match reason.chars().count() {
        0 => (ValidationCode::REQUIRED, "a reason is needed"),
        1..=LONGEST_REASON => return reason,
        _ => (ValidationCode::TOO_LONG, "at most 500 characters"),
    };
    problems.push(Problem::validation(code, &["reason"], message));
    reason
}

/// A name without blanks around it.
pub(crate) fn name(text: &str, field: &str, problems: &mut Vec<Problem>) -> String {
    let name = text.trim().to_owned();
    if name.is_empty() {
        problems.push(Problem::validation(ValidationCode::REQUIRED, &[field], "a name is needed"));
    } else if name.chars().count() > LONGEST_NAME {
        problems.push(Problem::validation(
            ValidationCode::TOO_LONG,
            &[field],
            "at most 100 characters",
        ));
    } else if name.chars().any(char::is_control) {
        problems.push(Problem::validation(ValidationCode::INVALID_FORMAT, &[field], "not a name"));
    }
    name
}

/// A phone number in E.164, written with blanks, hyphens or parentheses if one likes.
pub(crate) fn phone(text: &str, problems: &mut Vec<Problem>) -> String {
    let phone: String = text.chars().filter(|c| !" -().".contains(*c)).collect();
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let sound = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if !sound {
        let message = "a phone number is written as +4915112345678";
        problems.push(Problem::validation(ValidationCode::INVALID_FORMAT, &["phone"], message));
    }
    phone
}

/// A language tag: `de`, `en-GB`.
pub(crate) fn locale(text: &str, problems: &mut Vec<Problem>) -> String {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    let sound = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|tag| {
            (2..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        && text.len() <= 35;
    if !sound {
        let message = "a language is written as `en` or `en-GB`";
        problems.push(Problem::validation(ValidationCode::INVALID_FORMAT, &["locale"], message));
    }
    text.to_owned()
}

/// An address of the web, for pictures.
pub(crate) fn web_address(text: &str, field: &str, problems: &mut Vec<Problem>) -> String {
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let sound =
        !rest.is_empty() && text.len() <= 2_000 && text.chars().all(|c| c.is_ascii_graphic());
    if !sound {
        let message = "an address begins with https://";
        problems.push(Problem::validation(ValidationCode::INVALID_FORMAT, &[field], message));
    }
    text.to_owned()
}

/// The problem behind a unique index that refused; any other failure is a fault.
pub(crate) fn taken(error: DbErr) -> Result<Problem, Error> {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(index)) if index.contains("phone") => {
            Ok(Problem::conflict(ConflictCode::PHONE_TAKEN, "an account has this phone number"))
        }
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Ok(Problem::conflict(ConflictCode::EMAIL_TAKEN, "an account has this mail address"))
        }
        _ => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T>(check: impl Fn(&str, &mut Vec<Problem>) -> T, text: &str) -> bool {
        let mut problems = Vec::new();
        check(text, &mut problems);
        problems.is_empty()
    }

    #[test]
    fn mail_addresses() {
        for good in ["a@b.de", "Robin.Hood+rides@sub.example.com"] {
            assert!(accepts(email, good), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.de", "a@", "a b@c.de", "a@-b.de", "a@b..de", "<a@b.de>"] {
            assert!(!accepts(email, bad), "{bad}");
        }
    }

    #[test]
    fn phone_numbers() {
        assert_eq!(phone("+49 (151) 123-45678", &mut Vec::new()), "+4915112345678");
        for bad in ["", "0151123", "+0151123456", "+49", "+49 151 x", "+1234567890123456"] {
            assert!(!accepts(phone, bad), "{bad}");
        }
    }

    #[test]
    fn languages() {
        for good in ["de", "en-GB", "zh-Hant-TW"] {
            assert!(accepts(locale, good), "{good}");
        }
        for bad in ["", "e", "english", "en_GB", "en-"] {
            assert!(!accepts(locale, bad), "{bad}");
        }
    }
}
