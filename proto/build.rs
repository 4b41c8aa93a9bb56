//! Compiles the .proto files without an installed protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(
        [
            "telemetry.proto",
            "events.proto",
            "journal.proto",
            "carry.proto",
            "enrolment.proto",
        ],
        ["proto"],
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
