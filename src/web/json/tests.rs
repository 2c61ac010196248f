//! A message, its document and the message again, for every message of the API.

use super::document::Document;
use crate::api::{self, DESCRIPTORS};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use serde::Serialize;
use std::collections::HashMap;

const DEEPEST: u32 = 4;

/// Makes messages up; the same seed makes the same one.
struct Maker(TestRng);

impl Maker {
    fn number(&mut self) -> u64 {
        // Borders are as likely as what is between.
        match self.0.next_u64() % 4 {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 53,
            _ => self.0.next_u64(),
        }
    }

    fn text(&mut self) -> String {
        let texts = ["", "home", "null", "7", "\u{0}\n\"\\", "ü\u{202e}\u{1f512}", "1e400"];
        texts[self.0.next_u64() as usize % texts.len()].to_owned()
    }

    fn message(&mut self, kind: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        for field in kind.fields().filter(|field| !is_too_deep(field, depth)) {
            if !self.0.next_u64().is_multiple_of(3) {
                let value = self.value(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn value(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        if field.is_list() {
            return Value::List(
                (0..self.0.next_u64() % 3).map(|_| self.one(field, depth)).collect(),
            );
        }
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let content = entry.map_entry_value_field();
            let pairs = (0..self.0.next_u64() % 3)
                .map(|_| (MapKey::String(self.text()), self.one(&content, depth)));
            return Value::Map(pairs.collect::<HashMap<_, _>>());
        }
        self.one(field, depth)
    }

    fn one(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        match field.kind() {
            Kind::Bool => Value::Bool(self.0.next_u64().is_multiple_of(2)),
            Kind::Uint32 => Value::U32(self.number() as u32),
            Kind::Uint64 => Value::U64(self.number()),
            Kind::Int32 => Value::I32(self.number() as i32),
            Kind::Int64 => Value::I64(self.number() as i64),
            Kind::Double => Value::F64(self.0.next_u64() as f64 / 7.0),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Message(kind) => Value::Message(self.message(&kind, depth + 1)),
            other => panic!("{} is a {other:?}: teach the test", field.full_name()),
        }
    }
}

fn is_too_deep(field: &FieldDescriptor, depth: u32) -> bool {
    depth >= DEEPEST && matches!(field.kind(), Kind::Message(_))
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

fn maker(seed: [u8; 32]) -> Maker {
    Maker(TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed))
}

/// What `--json` prints is what the JSON API answers.
#[track_caller]
fn prints_alike<M: Message + Default + Serialize>(
    maker: &mut Maker,
    pool: &DescriptorPool,
    name: &str,
) {
    let kind = pool.get_message_by_name(&format!("holdfast.api.v1.{name}")).unwrap();
    let message = maker.message(&kind, 0);
    let typed = M::decode(&*message.encode_to_vec()).unwrap();
    let (ours, printed) =
        (serde_json::to_string(&Document(&message)), serde_json::to_string(&typed));
    assert_eq!(ours.unwrap(), printed.unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_survives_its_document(seed: [u8; 32]) {
        let mut maker = maker(seed);
        for kind in pool().all_messages().filter(|kind| kind.package_name() == super::PACKAGE) {
            if kind.is_map_entry() {
                continue;
            }
            let message = maker.message(&kind, 0);
            let json = serde_json::to_string(&Document(&message)).unwrap();
            let mut reader = serde_json::Deserializer::from_str(&json);
            let read = DynamicMessage::deserialize(kind, &mut reader).unwrap();
            // A value that is the default may be stored or not; what is said of it is the same.
            prop_assert_eq!(serde_json::to_string(&Document(&read)).unwrap(), json);
        }
    }

    #[test]
    fn documents_are_those_of_the_command_line(seed: [u8; 32]) {
        let (mut maker, pool) = (maker(seed), pool());
        prints_alike::<api::Status>(&mut maker, &pool, "Status");
        prints_alike::<api::PlanList>(&mut maker, &pool, "PlanList");
        prints_alike::<api::OperationEvent>(&mut maker, &pool, "OperationEvent");
        prints_alike::<api::ExportRecord>(&mut maker, &pool, "ExportRecord");
        prints_alike::<api::AddRepoRequest>(&mut maker, &pool, "AddRepoRequest");
        prints_alike::<api::CreatedToken>(&mut maker, &pool, "CreatedToken");
        prints_alike::<api::Snapshot>(&mut maker, &pool, "Snapshot");
    }
}

#[test]
fn every_method_of_the_api_can_be_called() {
    let api = super::Api::new(tonic::service::Routes::default());
    let mut methods = 0;
    for service in pool().services().filter(|service| service.package_name() == super::PACKAGE) {
        for method in service.methods() {
            let found = api.method(&format!("{}/{}", service.name(), method.name()));
            assert_eq!(found.unwrap().full_name(), method.full_name());
            methods += 1;
        }
    }
    assert!(methods > 50, "{methods}");
    assert_eq!(api.method("ServerReflection/ServerReflectionInfo"), None);
}
