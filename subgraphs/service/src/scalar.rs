//! The scalars that the services share: `MinorUnits`, `CurrencyCode` and `DateTime`.

use std::fmt;
use std::str::FromStr;

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

/// Signed 53-bit count of a currency's minor unit, as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MinorUnits(i64);

impl MinorUnits {
    /// The largest amount: what every JSON reader keeps exactly.
    pub const MAX: i64 = (1 << 53) - 1;

    /// An amount, where it is within ±[`MinorUnits::MAX`].
    pub fn new(amount: i64) -> Option<Self> {
        (-Self::MAX..=Self::MAX).contains(&amount).then_some(Self(amount))
    }

    /// The amount.
    pub fn amount(self) -> i64 {
        self.0
    }
}

/// Signed 53-bit count of a currency's minor unit, as a JSON number.
#[Scalar]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::Number(number) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        number.as_i64().and_then(Self::new).ok_or_else(|| "not a whole number of 53 bits".into())
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// ISO 4217 alphabetic code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurrencyCode([u8; 3]);

impl CurrencyCode {
    /// The three letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("three ASCII letters, checked when parsed")
    }
}

impl FromStr for CurrencyCode {
    type Err = InvalidCurrencyCode;

    fn from_str(text: &str) -> Result<Self, InvalidCurrencyCode> {
        let letters = <[u8; 3]>::try_from(text.as_bytes()).map_err(|_| InvalidCurrencyCode)?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
            .ok_or(InvalidCurrencyCode)
    }
}

/// Not three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters, as in ISO 4217")]
pub struct InvalidCurrencyCode;

impl fmt::Display for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// ISO 4217 alphabetic code.
#[Scalar]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        text.parse().map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// RFC 3339 timestamp, always UTC: printed with a `Z`, read with any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(pub chrono::DateTime<Utc>);

impl From<chrono::DateTime<Utc>> for DateTime {
    fn from(time: chrono::DateTime<Utc>) -> Self {
        Self(time)
    }
}

/// RFC 3339 timestamp, always UTC.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let time = chrono::DateTime::parse_from_rfc3339(text).map_err(InputValueError::custom)?;
        Ok(Self(time.to_utc()))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_end_where_json_numbers_lose_digits() {
        assert_eq!(
            MinorUnits::new(9_007_199_254_740_991).map(MinorUnits::amount),
            Some(9_007_199_254_740_991)
        );
        assert_eq!(MinorUnits::new(9_007_199_254_740_992), None);
        assert_eq!(MinorUnits::new(-9_007_199_254_740_992), None);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(
            "EUR".parse::<CurrencyCode>().map(|code| code.to_string()),
            Ok("EUR".to_owned())
        );
        assert!("eur".parse::<CurrencyCode>().is_err());
        assert!("EURO".parse::<CurrencyCode>().is_err());
    }

    #[test]
    fn times_are_printed_in_utc() {
        let time = DateTime::parse(Value::String("2026-03-01T12:00:00+02:00".into())).unwrap();
        assert_eq!(time.to_value(), Value::String("2026-03-01T10:00:00Z".into()));
    }
}
