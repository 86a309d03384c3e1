//! The black-box tests: every fact of the contract that a user can observe, tested on the real binary.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod support;

#[path = "../hosts/mod.rs"]
mod hosts;
#[path = "../peers/mod.rs"]
mod peers;

mod absence;
mod agent;
mod agent_faults;
mod architecture;
mod command;
mod credential_process;
mod credentials;
mod declaration;
mod declaration_faults;
mod declaration_files;
mod defaults;
mod documents;
mod env_from;
mod env_from_layers;
mod env_from_refusals;
mod environment;
mod expansion;
mod fallback;
mod faults;
mod file_faults;
mod files_links;
mod files_memory;
mod files_path;
mod files_refused;
mod files_replaced;
mod files_undone;
mod hints;
mod identity_faults;
mod impostors;
mod inheritance;
mod instance_faults;
mod keep_alive;
mod keep_existing;
mod labels;
mod launch;
mod layers;
mod leaks;
mod limits;
mod local;
mod local_deadline;
mod option_faults;
mod parameter_paths;
mod parameters;
mod process;
mod profiles;
mod readme;
mod references;
mod regions;
mod report;
mod reports_in_one;
mod resolve_env;
mod resolvers;
mod retries;
mod roles;
mod routes;
mod schema;
mod service_faults;
mod settings_faults;
mod signals;
mod signals_before_exec;
mod sizes;
mod skips;
mod stalled_files;
mod streams;
mod task_definition;
mod template_faults;
mod template_limits;
mod templates;
mod transport;
mod trust;
mod usage;
mod values;
mod waiting;
mod wire_faults;
mod wire_proxy;
mod wire_tls;
mod working_directory;
