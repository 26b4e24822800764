//! EtherCAT through ethercrab.
