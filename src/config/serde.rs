//! `Config`, `TrustedProxies` and `Scheme` from and to self-describing formats.
//!
//! 1. A configuration is a map with the keys of the text form, or the text form as one string, or a
//!    list of these with one for each way in.
//! 2. A value is a string, a number, or a list of strings.
//! 3. A [`ConfigBuilder`] is read in the same way, so that you can add secrets, which no format holds.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

use super::{Config, ConfigBuilder, Settings, TrustedProxies, keys};
use crate::scheme::Scheme;

/// A value of the text form.
struct Value(String);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, or a list of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                Ok(Value(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value(number.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element::<String>()? {
                    entries.push(entry);
                }
                Ok(Value(entries.join(",")))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ConfigBuilder::deserialize(deserializer)?.build().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ConfigBuilder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyConfig;

        impl<'de> Visitor<'de> for AnyConfig {
            type Value = ConfigBuilder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a map with keys such as proxies and for, or \"proxies=… for=…\", or a list of these",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConfigBuilder, E> {
                text.parse().map_err(de::Error::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConfigBuilder, A::Error> {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    // The key is checked before the value is read. The value may be a secret, and the format's
                    // own error would show it.
                    keys::known(&key).map_err(de::Error::custom)?;
                    // The format's own error does not name the key.
                    let value = map
                        .next_value()
                        .map_err(|error| de::Error::custom(format_args!("{key}: {error}")))?;
                    pairs.push((key, value));
                }
                let pairs = pairs.iter().map(|(key, Value(value))| (key.as_str(), value.as_str()));
                keys::read(pairs).map_err(de::Error::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ConfigBuilder, A::Error> {
                let mut ways: Option<ConfigBuilder> = None;
                while let Some(way) = list.next_element::<ConfigBuilder>()? {
                    ways = Some(match ways {
                        Some(ways) => ways.and(way),
                        None => way,
                    });
                }
                ways.ok_or_else(|| de::Error::invalid_length(0, &"at least one way in"))
            }
        }

        deserializer.deserialize_any(AnyConfig)
    }
}

/// Writes a map with the keys of the text form, without defaults, or a list of such maps.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct OneWay<'a>(&'a Settings);

        impl Serialize for OneWay<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(keys::write(self.0))
            }
        }

        let mut ways = self.all().map(|way| OneWay(&way.settings));
        match (ways.next(), ways.next()) {
            (Some(only), None) => only.serialize(serializer),
            _ => serializer.collect_seq(self.all().map(|way| OneWay(&way.settings))),
        }
    }
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value(list) = Value::deserialize(deserializer)?;
        list.parse().map_err(de::Error::custom)
    }
}

impl Serialize for TrustedProxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value(name) = Value::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
