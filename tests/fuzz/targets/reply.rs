#![no_main]

use std::sync::LazyLock;

use bodies::scene::Scene;

static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::reply::check(&SCENE, input));
