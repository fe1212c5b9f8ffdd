//! The people of the demo tenant, and its plans.

use base::Minor;

use crate::domain::{
    plan::{PlanSpec, Service},
    values::RateLimit,
};

/// A customer of the demo tenant.
#[derive(Debug)]
pub(super) struct Person {
    /// The name.
    pub(super) name: &'static str,
    /// The name's short form, for the login.
    pub(super) short: &'static str,
    /// Where the person lives.
    pub(super) address: &'static str,
}

/// A plan of so many megabit a second down, a quarter of it up.
pub(super) fn plan(megabits: u64, price: Minor) -> PlanSpec {
    const MEGABIT: u64 = 1_000_000;
    let rate_limit = RateLimit::plain(megabits * MEGABIT / 4, megabits * MEGABIT);
    let service = Service { rate_limit: Some(rate_limit), ..Service::default() };
    PlanSpec { service, ..PlanSpec::monthly(format!("Home {megabits} Mbit/s"), price) }
}

macro_rules! people {
    ($($name:literal $short:literal $address:literal),+ $(,)?) => {
        /// Fifty of them.
        pub(super) const ALL: &[Person] = &[$(Person { name: $name, short: $short, address: $address },)+];
    };
}

people! {
    "Budi Santoso" "budi" "Jl. Melati No. 1",
    "Sari Rahayu" "sari" "Jl. Kenanga No. 2",
    "Agus Nugroho" "agus" "Jl. Mawar No. 3",
    "Dewi Hartono" "dewi" "Gg. Damai No. 4",
    "Eko Lestari" "eko" "Jl. Raya Desa No. 5",
    "Fitri Kusuma" "fitri" "Jl. Melati No. 6",
    "Gunawan Maharani" "gunawan" "Jl. Kenanga No. 7",
    "Hesti Syahputra" "hesti" "Jl. Mawar No. 8",
    "Indra Setiawan" "indra" "Gg. Damai No. 9",
    "Joko Utami" "joko" "Jl. Raya Desa No. 10",
    "Kartika Ramadhan" "kartika" "Jl. Melati No. 11",
    "Lestari Pratama" "lestari" "Jl. Kenanga No. 12",
    "Made Susilo" "made" "Jl. Mawar No. 13",
    "Nur Firmansyah" "nur" "Gg. Damai No. 14",
    "Oki Kurniawan" "oki" "Jl. Raya Desa No. 15",
    "Putri Handayani" "putri" "Jl. Melati No. 16",
    "Rahmat Hidayat" "rahmat" "Jl. Kenanga No. 17",
    "Siti Puspita" "siti" "Jl. Mawar No. 18",
    "Teguh Wulandari" "teguh" "Gg. Damai No. 19",
    "Udin Wijaya" "udin" "Jl. Raya Desa No. 20",
    "Vina Anggraini" "vina" "Jl. Melati No. 21",
    "Wahyu Melati" "wahyu" "Jl. Kenanga No. 22",
    "Yanti Saputra" "yanti" "Jl. Mawar No. 23",
    "Zainal Permata" "zainal" "Gg. Damai No. 24",
    "Ayu Suryadi" "ayu" "Jl. Raya Desa No. 25",
    "Budi Wulandari" "budi" "Jl. Melati No. 26",
    "Sari Wijaya" "sari" "Jl. Kenanga No. 27",
    "Agus Anggraini" "agus" "Jl. Mawar No. 28",
    "Dewi Melati" "dewi" "Gg. Damai No. 29",
    "Eko Saputra" "eko" "Jl. Raya Desa No. 30",
    "Fitri Permata" "fitri" "Jl. Melati No. 31",
    "Gunawan Suryadi" "gunawan" "Jl. Kenanga No. 32",
    "Hesti Santoso" "hesti" "Jl. Mawar No. 33",
    "Indra Rahayu" "indra" "Gg. Damai No. 34",
    "Joko Nugroho" "joko" "Jl. Raya Desa No. 35",
    "Kartika Hartono" "kartika" "Jl. Melati No. 36",
    "Lestari Lestari" "lestari" "Jl. Kenanga No. 37",
    "Made Kusuma" "made" "Jl. Mawar No. 38",
    "Nur Maharani" "nur" "Gg. Damai No. 39",
    "Oki Syahputra" "oki" "Jl. Raya Desa No. 40",
    "Putri Setiawan" "putri" "Jl. Melati No. 41",
    "Rahmat Utami" "rahmat" "Jl. Kenanga No. 42",
    "Siti Ramadhan" "siti" "Jl. Mawar No. 43",
    "Teguh Pratama" "teguh" "Gg. Damai No. 44",
    "Udin Susilo" "udin" "Jl. Raya Desa No. 45",
    "Vina Firmansyah" "vina" "Jl. Melati No. 46",
    "Wahyu Kurniawan" "wahyu" "Jl. Kenanga No. 47",
    "Yanti Handayani" "yanti" "Jl. Mawar No. 48",
    "Zainal Hidayat" "zainal" "Gg. Damai No. 49",
    "Ayu Puspita" "ayu" "Jl. Raya Desa No. 50",
}
