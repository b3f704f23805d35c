#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::nat_rendezvous::check(input));
