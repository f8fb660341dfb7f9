use tower_webhook::ConfigError;
use tower_webhook::provider::stripe;

fn main() -> Result<(), ConfigError> {
    let keys = stripe::keys("whsec_test_9f8e7d6c5b4a")?;
    drop(keys);
    Ok(())
}
