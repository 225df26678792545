//! Reads the URL of a database, and runs the check of docs/contract.md on it.
mod contract;

use std::time::Duration;

fn main() {
    let url = std::env::args().nth(1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let checked = async { tokio::time::timeout(Duration::from_secs(5), check(&url)).await };
    match runtime.block_on(checked) {
        Ok(Ok(())) => (),
        Ok(Err(error)) => println!("stop: {error}"),
        Err(_) => println!("stop: no answer within 5 seconds"),
    }
}

async fn check(url: &str) -> Result<(), String> {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    contract::check(&client).await
}
