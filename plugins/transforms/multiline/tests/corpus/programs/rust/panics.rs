// corpus: records
use std::thread;

fn parse(text: &str) -> i32 {
    text.parse::<i32>().expect("a number was promised")
}

fn main() {
    eprintln!("2024-11-21T02:45:39Z INFO starting");
    let _ = thread::Builder::new().name("parser".into()).spawn(|| parse("seven")).unwrap().join();
    eprintln!("2024-11-21T02:45:39Z INFO going on");
    let _ = thread::spawn(|| panic!("two lines:\nthis is the second")).join();
    eprintln!("2024-11-21T02:45:39Z INFO at last");
    let orders: Vec<i32> = Vec::new();
    println!("{}", orders[parse("3") as usize]);
}
