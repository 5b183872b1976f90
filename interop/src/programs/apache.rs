//! Apache httpd: the event MPM, with the modules that the recipe names and those that they need.

use crate::program::{Ability, Program};

pub(super) const APACHE: Program = Program {
    name: "apache",
    title: "Apache httpd",
    executables: &["apache2"],
    modules: &[],
    version: "-v",
    files: &[("httpd.conf", include_str!("../../skeletons/httpd.conf"))],
    folders: &[],
    listening: &[("<VirtualHost *:80>", "<VirtualHost {{ip}}:{{http}} [::1]:{{http}}>")],
    listening_tls: &[("<VirtualHost *:443>", "<VirtualHost {{ip}}:{{https}} [::1]:{{https}}>")],
    commands: &["apache2 -d {{dir}} -f {{dir}}/httpd.conf -DFOREGROUND"],
    can: Ability::ALL_BUT_KEEP,
};
