//! The alerts: each is tested, explained and made of families there are.

#[test]
fn stub() {
    assert!(innkeeper::metrics::catalogue::families().count() > 10);
}
