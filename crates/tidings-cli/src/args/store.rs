//! Flags of the commands that open a data directory: serve, check, salvage.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{EtcdFlags, ServeFlags};

/// `tidings serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings serve
  tidings serve --data /var/lib/tidings --retention 3d --retention-size 10GiB
  tidings serve --listen 127.0.0.1:8434 --listen '[::1]:8434'
  tidings serve --etcd http://10.0.0.1:2379,http://10.0.0.2:2379
  tidings serve --check-config

SIGTERM and ^C stop it cleanly: what was taken is stored, then the books are printed.")]
pub struct ServeArgs {
    /// Listen on this loopback address; port 0 picks a free one; repeatable [default: 127.0.0.1:8434]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Vec<String>,
    /// Keep events in this directory [default: $STATE_DIRECTORY, else XDG_STATE_HOME/tidings]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// The name of this server, and of events that name no member [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub member: Option<String>,
    /// Keep events for this long [default: 24h]
    #[arg(long, value_name = "SPAN")]
    pub retention: Option<String>,
    /// Let the oldest events go when they take more than this on disk [default: 2GiB]
    #[arg(long, value_name = "SIZE")]
    pub retention_size: Option<String>,
    /// Let one question look at so many events at most [default: 50000000]
    #[arg(long, value_name = "N")]
    pub query_events_max: Option<String>,
    /// Answer requests that address this host name; repeatable [default: loopback names only]
    #[arg(long, value_name = "NAME")]
    pub allowed_host: Vec<String>,
    /// Check the configuration, print it, and stop
    #[arg(long)]
    pub check_config: bool,
    /// The log shared with other machines.
    #[command(flatten)]
    pub etcd: EtcdArgs,
}

/// What `tidings serve` shares its log through.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Several machines")]
pub struct EtcdArgs {
    /// Share the log with all machines that use the etcd with these members; repeatable
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    pub etcd: Vec<String>,
    /// What keys in etcd begin with: machines share a log if this is the same [default: tidings]
    #[arg(long, value_name = "PREFIX")]
    pub etcd_prefix: Option<String>,
    /// The user that etcd knows us as
    #[arg(long, value_name = "NAME")]
    pub etcd_user: Option<String>,
    /// Its password is in this file [default: $CREDENTIALS_DIRECTORY/etcd-password]
    #[arg(long, value_name = "FILE")]
    pub etcd_password_file: Option<String>,
    /// Who signs the certificate of an https etcd, in PEM [default: whom this system trusts]
    #[arg(long, value_name = "FILE")]
    pub etcd_ca: Option<String>,
    /// Our certificate for etcd, in PEM
    #[arg(long, value_name = "FILE")]
    pub etcd_cert: Option<String>,
    /// The key of this certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub etcd_key: Option<String>,
    /// How long a publication waits for more events under steady load; at most 10s [default: 1s]
    #[arg(long, value_name = "SPAN")]
    pub etcd_linger: Option<String>,
    /// etcd's own quota: near it the least severe events are no longer shared [default: 2GiB]
    #[arg(long, value_name = "SIZE")]
    pub etcd_quota: Option<String>,
}

impl EtcdArgs {
    fn flags(&self) -> EtcdFlags {
        EtcdFlags {
            etcd: self.etcd.clone(),
            prefix: self.etcd_prefix.clone(),
            user: self.etcd_user.clone(),
            password_file: self.etcd_password_file.clone(),
            ca: self.etcd_ca.clone(),
            cert: self.etcd_cert.clone(),
            key: self.etcd_key.clone(),
            linger: self.etcd_linger.clone(),
            quota: self.etcd_quota.clone(),
        }
    }
}

impl ServeArgs {
    /// The settings among them, as they were typed.
    pub fn flags(&self) -> ServeFlags {
        ServeFlags {
            listen: self.listen.clone(),
            data: self.data.clone(),
            member: self.member.clone(),
            retention: self.retention.clone(),
            retention_size: self.retention_size.clone(),
            query_events_max: self.query_events_max.clone(),
            allowed_host: self.allowed_host.clone(),
            etcd: self.etcd.flags(),
        }
    }
}

/// `tidings check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings check /var/lib/tidings
  tidings check && echo whole

Reads only; stop the server first. Exits with 6 when it finds damage.")]
pub struct CheckArgs {
    /// The data directory [default: the one that `tidings serve` would use]
    #[arg(value_name = "DIR", conflicts_with = "data")]
    pub dir: Option<String>,
    /// The same as DIR
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
}

/// `tidings salvage`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tidings salvage --data /var/lib/tidings --into /var/lib/tidings.new

The source is only read; the target must be empty or not there. What cannot be
copied is named. Exits with 6 when something was damaged.")]
pub struct SalvageArgs {
    /// The damaged data directory [default: the one that `tidings serve` would use]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// The new data directory
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
}
