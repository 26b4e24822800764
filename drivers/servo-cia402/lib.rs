//! Servo drives after CiA 402 (IEC 61800-7-201) on CoE: driver and twin.

pub mod driver;
pub mod twin;
