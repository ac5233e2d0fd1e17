// Package deploy holds the samples of how orgsync is run.
package deploy

import _ "embed" // the workflows

// GitHubWorkflow and GitLabPipeline are the files that run orgsync in CI. 'orgsync init' writes them.
var (
	//go:embed github-workflow.yml
	GitHubWorkflow []byte
	//go:embed gitlab-ci.yml
	GitLabPipeline []byte
)
