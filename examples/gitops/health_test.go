// Package gitops tests what users of Argo CD and Flux apply. The programs and expressions run in the
// libraries that these use, on resources that API servers stored.
package gitops

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	kyaml "sigs.k8s.io/yaml"
)

// judged is a resource and what becomes known of it.
type judged struct {
	// file is that of the resource in testdata, without .yaml.
	file string
	// conditions are set on the resource, in place of those of the same types, as in "Ready False Creating 2: a message".
	// The generation, which may be missing, is that of the condition.
	conditions []string
	// change changes the resource further. It may be nil.
	change func(*unstructured.Unstructured)

	// argo is the health in Argo CD, and message a part of its message.
	argo, message string
	// flux is the status in Flux with the expressions of flux-kustomization.yaml.
	flux status.Status
	// kstatus is the status that kstatus computes without them, which cannot see all that the others do. docs/platform.md
	// says where it is wrong.
	kstatus status.Status
}

const (
	current    = status.CurrentStatus
	inProgress = status.InProgressStatus
	failed     = status.FailedStatus
	// terminating is what kstatus says of a resource that is being deleted. Expressions never say so.
	terminating = status.TerminatingStatus
)

// claims are states of a claim. Each other reason of its condition Provisioned is a case of TestHealthOfClaims.
var claims = map[string]judged{
	"New":   {file: "claim-new", argo: progressing, message: "waiting for Crossplane", flux: inProgress, kstatus: current},
	"Ready": {file: "claim-ready", argo: healthy, message: "Provisioned", flux: current, kstatus: current},
	"Provisioning": {
		file:       "claim-ready",
		conditions: []string{"Provisioned False Provisioning: waiting for the bucket and its access keys", "Ready False Creating 4"},
		argo:       progressing, message: "waiting for the bucket", flux: inProgress, kstatus: inProgress,
	},
	"Changed": {
		file: "claim-ready", change: generation(5),
		argo: progressing, message: "waiting for Crossplane", flux: inProgress, kstatus: current,
	},
	"ChangedWhileInvalid": {
		file: "claim-ready", conditions: []string{"Provisioned False InvalidClaim: no such pool", "Ready False Creating 4"}, change: generation(5),
		argo: progressing, message: "waiting for Crossplane", flux: inProgress, kstatus: inProgress,
	},
	"Invalid": {
		file: "claim-ready", conditions: []string{"Provisioned False InvalidClaim: no such pool", "Ready False Creating 4"},
		argo: degraded, message: "InvalidClaim: no such pool", flux: failed, kstatus: inProgress,
	},
	"PlatformCannotBeRead": {
		file: "claim-ready",
		conditions: []string{
			"Provisioned False RuleFailed: waiting for Crossplane to read the namespace, which a rule needs", "Ready False Creating 4",
		},
		argo: progressing, message: "waiting for Crossplane to read", flux: inProgress, kstatus: inProgress,
	},
	"FatalError": {
		file: "claim-ready", conditions: []string{
			"Synced False ReconcileError 5: cannot compose resources: no function", "Provisioned Unknown FatalError 5: A fatal error occurred",
		}, change: generation(5),
		argo: degraded, message: "cannot compose resources: no function", flux: failed, kstatus: current,
	},
	"Recreated": {
		file: "claim-ready", conditions: []string{"Recreated True Recreated: the bucket was made anew: it is empty"},
		argo: healthy, message: "Recreated: the bucket was made anew", flux: current, kstatus: current,
	},
	"Acknowledged": {
		file: "claim-ready", conditions: []string{"Recreated False Acknowledged"},
		argo: healthy, message: "Provisioned", flux: current, kstatus: current,
	},
	"Paused": {
		file: "claim-ready", conditions: []string{"Synced False ReconcilePaused 4"}, change: annotation("crossplane.io/paused", "true"),
		argo: suspended, message: "paused", flux: inProgress, kstatus: current,
	},
	"Resumed": {
		file: "claim-ready", conditions: []string{"Synced False ReconcilePaused 4"},
		argo: progressing, message: "waiting for Crossplane", flux: inProgress, kstatus: current,
	},
	"Deleting": {
		file: "claim-ready", change: deleted,
		argo: progressing, message: "being deleted", flux: inProgress, kstatus: terminating,
	},
	"DeletingWithError": {
		file: "claim-ready", conditions: []string{"Synced False ReconcileError 5: cannot remove finalizer"}, change: deleted,
		argo: progressing, message: "cannot remove finalizer", flux: inProgress, kstatus: terminating,
	},
}

// managed are states of the resources of providers, as provider-minio stored them.
var managed = map[string]judged{
	"New":  {file: "bucket-new", argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: current},
	"Made": {file: "bucket-made", argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: current},
	"Creating": {
		file: "bucket-ready", conditions: []string{"Ready False Creating 1"},
		argo: progressing, message: "Creating", flux: inProgress, kstatus: inProgress,
	},
	"Ready":   {file: "bucket-ready", argo: healthy, message: "Available", flux: current, kstatus: current},
	"Changed": {file: "bucket-changed", argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: inProgress},
	"ReadyOfEarlierGeneration": {
		file: "bucket-changed", conditions: []string{"Synced True ReconcileSuccess 2"}, change: observed(2),
		argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: current,
	},
	"Pausing":  {file: "bucket-pausing", argo: suspended, message: "paused", flux: current, kstatus: current},
	"Paused":   {file: "bucket-paused", argo: suspended, message: "paused", flux: inProgress, kstatus: current},
	"Resumed":  {file: "bucket-resumed", argo: suspended, message: "ReconcilePaused", flux: inProgress, kstatus: current},
	"Foreign":  {file: "bucket-foreign", argo: degraded, message: "was not made by this resource", flux: failed, kstatus: current},
	"Deleting": {file: "bucket-deleting", argo: progressing, message: "still holds 1 object", flux: inProgress, kstatus: terminating},
	"Purging": {
		file:       "bucket-deleting",
		conditions: []string{"Synced True ReconcileSuccess 3", "Purging True Purging 3: 5000 objects and versions deleted so far"},
		argo:       progressing, message: "5000 objects", flux: inProgress, kstatus: terminating,
	},
	"Recreated": {
		file: "bucket-ready", conditions: []string{"Recreated True Recreated 1: it was made anew: it is empty"},
		argo: healthy, message: "it is empty", flux: current, kstatus: current,
	},
	"Acknowledged": {
		file: "bucket-ready", conditions: []string{"Recreated False Acknowledged 1"},
		argo: healthy, message: "Available", flux: current, kstatus: current,
	},
	"ErrorOnceReady": {
		file: "bucket-ready", conditions: []string{"Synced False ReconcileError 1: the server does not answer"},
		argo: degraded, message: "the server does not answer", flux: failed, kstatus: current,
	},

	"UserReady":      {file: "user-ready", argo: healthy, message: "Available", flux: current, kstatus: current},
	"UserChanged":    {file: "user-changed", argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: inProgress},
	"UserDisabled":   {file: "user-disabled", argo: suspended, message: "the user is disabled", flux: current, kstatus: inProgress},
	"UserUnresolved": {file: "user-unresolved", argo: progressing, message: "cannot resolve spec", flux: inProgress, kstatus: current},
	"UserUnproven": {
		file: "user-ready", conditions: []string{"Ready False Unproven 1: the published key could not be verified"},
		argo: degraded, message: "could not be verified", flux: failed, kstatus: inProgress,
	},
	"UserUnavailable": {
		file: "user-ready", conditions: []string{"Ready False Unavailable 1"},
		argo: progressing, message: "Unavailable", flux: inProgress, kstatus: inProgress,
	},

	"PolicyReady":  {file: "policy-ready", argo: healthy, message: "Available", flux: current, kstatus: current},
	"PolicyCopied": {file: "policy-copied", argo: degraded, message: "is a copy", flux: failed, kstatus: inProgress},
}

// configs are states of provider configurations.
var configs = map[string]judged{
	"New":         {file: "config-new", argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: current},
	"Usable":      {file: "config-usable", argo: healthy, message: "KnownVulnerabilities: ", flux: current, kstatus: current},
	"Unreachable": {file: "config-unreachable", argo: degraded, message: "does not answer", flux: failed, kstatus: inProgress},
	"Changed": {
		file: "config-usable", change: generation(2),
		argo: progressing, message: "waiting for the provider", flux: inProgress, kstatus: current,
	},
	"Secure": {
		file: "config-usable", conditions: []string{"Secure True NoKnownVulnerabilities 1"},
		argo: healthy, message: "ServerUsable", flux: current, kstatus: current,
	},
	"ReleaseUnknown": {
		file: "config-usable", conditions: []string{"Secure Unknown ReleaseUnknown 1: the version has no date"},
		argo: healthy, message: "ReleaseUnknown", flux: current, kstatus: current,
	},
	"Deleting": {
		file: "config-usable", conditions: []string{"Terminating True InUse 1: it is in use by 4 resources"}, change: deleted,
		argo: progressing, message: "in use by 4", flux: inProgress, kstatus: terminating,
	},

	"ConfigurationInvalid": unusable("ConfigurationInvalid"),
	"CertificateUntrusted": unusable("CertificateUntrusted"),
	"CredentialsRejected":  unusable("CredentialsRejected"),
	"ClockSkew":            unusable("ClockSkew"),
	"UnsupportedAdminAPI":  unusable("UnsupportedAdminAPI"),
	"NoAdminAPI":           unusable("NoAdminAPI"),
	"WrongRegion":          unusable("WrongRegion"),
	"ServerChanged":        unusable("ServerChanged"),
	"ServerTooOld":         unusable("ServerTooOld"),
}

// unusable is the state of a configuration whose server cannot be used, for a reason.
func unusable(reason string) judged {
	return judged{
		file: "config-usable", conditions: []string{"Ready False " + reason + " 1: the message"},
		argo: degraded, message: reason + ": the message", flux: failed, kstatus: inProgress,
	}
}

// TestHealth checks what Argo CD and Flux say of each state.
func TestHealth(t *testing.T) {
	argo, flux := readArgoCD(t), readFlux(t)

	for kind, cases := range map[string]map[string]judged{"Claim": claims, "Managed": managed, "Config": configs} {
		for name, c := range cases {
			t.Run(kind+"/"+name, func(t *testing.T) {
				o := c.object(t)

				if got, message := argo.health(t, o); got != c.argo || !strings.Contains(message, c.message) {
					t.Errorf("Argo CD: want %s with %q, got %s with %q", c.argo, c.message, got, message)
				}

				if got := flux.status(t, o); got != c.flux {
					t.Errorf("Flux: want %s, got %s", c.flux, got)
				}

				if got, err := status.Compute(o); err != nil || got.Status != c.kstatus {
					t.Errorf("kstatus: want %s, got %v, %v", c.kstatus, got, err)
				}

				agree(t, c)
			})
		}
	}
}

// agree checks that Flux says what Argo CD says, in its own words.
func agree(t *testing.T, c judged) {
	t.Helper()

	want := map[string][]status.Status{
		healthy: {current}, progressing: {inProgress}, degraded: {failed},
		// Flux has no word for it: what is as its spec asks is Current.
		suspended: {current, inProgress},
	}

	if !slices.Contains(want[c.argo], c.flux) {
		t.Errorf("Argo CD says %s, Flux %s", c.argo, c.flux)
	}
}

// object returns the resource of a case.
func (c judged) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()

	o := readObject(t, filepath.Join("testdata", c.file+".yaml"))

	for _, text := range c.conditions {
		setCondition(t, o, text)
	}

	if c.change != nil {
		c.change(o)
	}

	return o
}

// readObject reads one resource, with numbers as an API server's client has them.
func readObject(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	o := &unstructured.Unstructured{}

	b, err := kyaml.YAMLToJSON(text)
	if err == nil {
		err = o.UnmarshalJSON(b)
	}

	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}

	return o
}

// setCondition sets a condition that is written like "Ready False Creating 2: a message".
func setCondition(t *testing.T, o *unstructured.Unstructured, text string) {
	t.Helper()

	head, message, _ := strings.Cut(text, ": ")

	words := strings.Fields(head)
	if len(words) < 3 {
		t.Fatalf("cannot read the condition %q", text)
	}

	c := map[string]any{"type": words[0], "status": words[1], "reason": words[2], "lastTransitionTime": "2026-11-26T17:37:30Z"}
	if message != "" {
		c["message"] = message
	}

	if len(words) > 3 {
		c["observedGeneration"] = int64(words[3][0] - '0')
	}

	all, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}

	kept := []any{c}
	for _, other := range all {
		if other.(map[string]any)["type"] != words[0] {
			kept = append(kept, other)
		}
	}

	if err := unstructured.SetNestedSlice(o.Object, kept, "status", "conditions"); err != nil {
		t.Fatal(err)
	}
}

// generation returns what changes the generation of a resource.
func generation(n int64) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) { o.SetGeneration(n) }
}

// observed returns what sets the generation that a managed resource's provider has processed.
func observed(n int64) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		_ = unstructured.SetNestedField(o.Object, n, "status", "observedGeneration")
	}
}

// annotation returns what annotates a resource.
func annotation(key, value string) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		all := maps.Clone(o.GetAnnotations())
		if all == nil {
			all = map[string]string{}
		}

		all[key] = value
		o.SetAnnotations(all)
	}
}

// deleted marks a resource as the API server does when its deletion begins.
func deleted(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(o.Object, "2026-11-26T17:40:00Z", "metadata", "deletionTimestamp")
	o.SetGeneration(o.GetGeneration() + 1)
}
