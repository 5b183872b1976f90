//! The recipes are safe.

use std::{fs, path::Path};

use super::{tried, wrong};

fn docs(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes").join(path);
    fs::read_to_string(path).unwrap()
}

/// The cells of each row of the tables.
fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with('|') && line.contains("proxies="));
    rows.map(|row| row.split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

#[test]
fn recipes_of_proxies() {
    let readme = docs("README.md");
    let mut count = 0;
    for row in rows(&readme).iter().filter(|row| row.len() == 5) {
        let name = row[1].split(['(', ')']).nth(1).unwrap().trim_end_matches(".md");
        assert_eq!(wrong(&row[2], name), None, "{name}: {}", row[2]);
        if row[3].starts_with("proxies=") {
            assert_eq!(wrong(&row[3], &format!("{name}-forwarded")), None, "{name}: {}", row[3]);
        }
        count += 1;
    }
    assert!(count >= 11);
}

/// By count and by walk, each of the chains that interop runs.
#[test]
fn recipes_of_chains() {
    let chains = docs("chains.md");
    let rows = rows(&chains);
    assert!(rows.len() >= 25);
    for row in rows {
        let forwarded = row[2].contains("forwarded=");
        let names: Vec<_> = row[1].split(" → ").collect();
        let edge = if forwarded { format!("{}-forwarded", names[0]) } else { names[0].to_owned() };
        let style = [&[edge.as_str()], &names[1..]].concat().join(",");
        for config in &row[2..4] {
            assert_eq!(wrong(config, &style), None, "{style}: {config}");
        }
    }
}

#[test]
fn recipes_of_platforms() {
    const PRIVATE: &str = "proxies=10.0.1.0/24";
    for (style, config) in [
        ("alb", "for=1 proto=1 port=1"),
        ("alb-preserve", "proto=1 port=1"),
        ("alb-remove", "proto=1 port=1"),
        ("cloudfront", "for=1 proto=1 proto-name=CloudFront-Forwarded-Proto"),
        ("cloudfront,alb", "for=2 proto=1 proto-name=CloudFront-Forwarded-Proto"),
        ("cloudfront,alb-preserve", "for=1 proto=1 proto-name=CloudFront-Forwarded-Proto"),
        (
            "cloudfront",
            "client-ip=CloudFront-Viewer-Address proto=1 proto-name=CloudFront-Forwarded-Proto",
        ),
        ("api-gateway", "forwarded=1 forwarded-ipv6=bare"),
        (
            "cloudfront,function-url",
            "client-ip=CloudFront-Viewer-Address proto=1 proto-name=CloudFront-Forwarded-Proto",
        ),
        ("cloud-run", "for=1 proto=1"),
        ("firebase,cloud-run", "for=1 client-ip=Fastly-Client-IP edge=10.0.1.0/24"),
        ("app-engine", "client-ip=X-Appengine-User-IP proto=1"),
        ("google-cloud", "for=2 proto=1"),
        ("google-cloud", "for=2 proto=1 verify=hops"),
        ("application-gateway", "for=1 proto=1 port=1"),
        (
            "application-gateway",
            "for=1 proto=1 host=1 port=1 host-name=X-Original-Host hosts=app.example",
        ),
        ("front-door", "for=1 proto=1 host=1"),
        ("container-apps", "for=1 proto=1"),
        ("oracle", "for=1 proto=1 host=1 port=1"),
        ("scaleway", "for=1 listener=https"),
        ("digitalocean", "client-ip=DO-Connecting-IP proto=1"),
        ("netlify", "client-ip=X-Nf-Client-Connection-IP proto=1"),
        ("railway", "client-ip=X-Real-IP proto=1"),
        ("render", "client-ip=CF-Connecting-IP proto=1"),
        ("cloudflare", "client-ip=CF-Connecting-IP proto=1"),
        ("cloudflare", "for=1 proto=1"),
        ("fastly", "client-ip=Fastly-Client-IP proto=1"),
        ("fly", "client-ip=Fly-Client-IP port=1 port-name=Fly-Forwarded-Port listener=https"),
        (
            "fly",
            "client-ip=Fly-Client-IP proto=1 port=1 proto-name=Fly-Forwarded-Proto port-name=Fly-Forwarded-Port",
        ),
        ("heroku", "for=1 proto=1 port=1"),
        ("ingress-nginx", "for=1 proto=1 host=1 port=1 strip-also=X-Original-Forwarded-Host"),
        (
            "alb,ingress-nginx",
            "for=1 proto=1 port=1 hosts=app.example strip-also=X-Original-Forwarded-Host",
        ),
        (
            "alb,ingress-nginx-full",
            "for=2 proto=1 port=1 hosts=app.example strip-also=X-Original-Forwarded-Host",
        ),
        ("traefik", "for=1 proto=1 host=1 port=1"),
        ("alb,traefik", "for=2 proto=1 port=1"),
        ("istio", "for=1 proto=1"),
        ("alb,istio", "for=2 proto=1"),
        ("alb,istio", "client-ip=X-Envoy-External-Address proto=1"),
        ("envoy-gateway", "for=1 proto=1"),
        ("alb,envoy-gateway", "for=2 proto=1"),
        ("openshift", "for=1 proto=1 host=1"),
        ("alb,openshift", "for=2 proto=2"),
        ("kong", "for=1 proto=1 host=1"),
        ("alb,kong", "for=2 proto=1"),
        ("apisix", "for=1 proto=1 host=1"),
        ("alb,apisix", "for=2 proto=1"),
        ("sozu", "forwarded=1"),
        ("nginx-proxy-manager", "for=1 proto=1"),
        ("cloudflare,traefik", "for=2 proto=1"),
        ("nginx,oauth2-proxy", "for=2 proto=1"),
        ("tailscale", "for=1 proto=1 host=1"),
    ] {
        assert_eq!(wrong(&format!("{PRIVATE} {config}"), style), None, "{style}: {config}");
    }
    for (style, config) in [
        ("nginx-proxy-manager-default", "for=1 listener=https"),
        ("home-assistant", "for=2 prefix=1 prefix-name=X-Ingress-Path listener=https"),
    ] {
        let tried = tried(&format!("{PRIVATE} {config}"), style, &["--https-only"]);
        assert!(tried.is_safe(), "{style}: {config}");
    }
    for (style, config) in [
        ("cloudflare,traefik:edge", "for=1 proto=1 host=1 port=1"),
        ("cloudflare,nginx:edge", "for=1 proto=1"),
        ("cloudflare,nginx-proxy-manager:edge", "for=1 proto=1"),
        ("cloudflare,caddy:edge", "for=1 proto=1 host=1"),
    ] {
        let config = format!("{PRIVATE} {config} client-ip=CF-Connecting-IP edge=10.0.1.0/24");
        let tried = tried(&config, style, &["--inner-tls", "--https-only"]);
        assert!(tried.is_safe(), "{style}: {config}");
    }
    for (style, config) in [
        ("cloudfront,api-gateway", "forwarded=2 proto=1 host=1 forwarded-ipv6=bare"),
        ("front-door,application-gateway", "for=2 proto=1 host=1"),
        ("front-door,container-apps", "for=2 proto=1 host=1 hosts=app.example"),
    ] {
        let https = tried(&format!("{PRIVATE} {config}"), style, &["--inner-tls", "--https-only"]);
        assert!(https.is_safe(), "{style}");
    }
}
