//! The program `tidings`.

fn main() -> std::process::ExitCode {
    tidings_cli::main()
}
