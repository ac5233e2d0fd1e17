module github.com/orgsync/orgsync/ci/dashboard

go 1.26

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
