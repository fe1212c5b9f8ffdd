//! Builds anew when a migration is added: the macro that embeds them notices only those that it knows.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
