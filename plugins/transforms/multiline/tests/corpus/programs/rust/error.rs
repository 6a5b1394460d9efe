#[derive(Debug)]
struct Failure;

fn main() -> Result<(), Failure> {
    Err(Failure)
}
