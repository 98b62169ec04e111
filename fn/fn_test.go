package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
)

var update = flag.Bool("update", false, "write what the function returns to testdata/*/response.yaml")

// TestRunFunction runs each case of testdata: it sends request.yaml and expects response.yaml, both in
// the protocol's messages as YAML. A request without the field input has that of testdata/input.yaml.
// After an intended change, update the responses with
//
//	go test ./fn -run TestRunFunction -update
func TestRunFunction(t *testing.T) {
	requests, err := filepath.Glob("testdata/*/request.yaml")
	if err != nil || len(requests) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}

	for _, path := range requests {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := runCase(t, path)
			golden := filepath.Join(dir, "response.yaml")

			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}

			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("RunFunction(...): -want, +got:\n%s", diff)
			}
		})
	}
}

// TestRunFunctionIsDeterministic runs each case twice, because a response that differs without cause
// makes Crossplane write.
func TestRunFunctionIsDeterministic(t *testing.T) {
	requests, err := filepath.Glob("testdata/*/request.yaml")
	if err != nil {
		t.Fatal(err)
	}

	for _, path := range requests {
		if diff := cmp.Diff(string(runCase(t, path)), string(runCase(t, path))); diff != "" {
			t.Errorf("%s: -first, +second:\n%s", path, diff)
		}
	}
}

// TestNotReady runs cases in which the claim must not be ready, or nothing may be composed, independently
// of their golden files.
func TestNotReady(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		fatal  bool
		// nothing says that nothing may be composed, although the function succeeds.
		nothing bool
	}{
		"restored-not-yet":      {reason: "The bucket of a restored claim is not restored.", nothing: true},
		"restored-controlled":   {reason: "Kubernetes is about to delete the restored Bucket.", nothing: true},
		"restored-user-missing": {reason: "A User that is composed anew leaves the old keys alive.", nothing: true},
		"restored-several":      {reason: "Which bucket is the claim's is not known.", nothing: true},
		"restored-secrets-only": {reason: "A new bucket is not that of the Secrets.", nothing: true},
		"spec-behind":           {reason: "The Bucket is ready with its previous spec only."},
		"user-behind":           {reason: "The User is ready with its previous spec only."},
		"rotated-changed":       {reason: "The User is ready with its previous spec only; more is new than the served key."},
		"secret-immutable":      {reason: "A Secret cannot be written and holds an earlier key."},
		"secret-outdated":       {reason: "The Secrets still hold an earlier key, although an earlier run wrote them."},
		"forged-bucket":         {reason: "The Bucket is a ConfigMap, which tenants can create.", fatal: true},
		"forged-bucket-claim":   {reason: "The Bucket is a claim, which tenants can create.", fatal: true},
		"forged-bucket-other":   {reason: "The Bucket is one of another claim.", fatal: true},
		"forged-user":           {reason: "The User is a Secret that is not the claim's.", fatal: true},
	} {
		t.Run(name, func(t *testing.T) {
			rsp, err := NewFunction(logging.NewNopLogger()).RunFunction(t.Context(), readRequest(t, filepath.Join("testdata", name, "request.yaml")))
			if err != nil {
				t.Fatal(err)
			}

			if rsp.GetDesired().GetComposite().GetReady() == fnv1.Ready_READY_TRUE {
				t.Errorf("%s\nthe claim is ready", tc.reason)
			}

			if composed := rsp.GetDesired().GetResources(); tc.nothing && len(composed) > 0 {
				t.Errorf("%s\nwant nothing to be composed, got %v", tc.reason, composed)
			}

			fatal := slices.ContainsFunc(rsp.GetResults(), func(r *fnv1.Result) bool { return r.GetSeverity() == fnv1.Severity_SEVERITY_FATAL })
			if fatal != tc.fatal || (fatal && len(rsp.GetDesired().GetResources()) > 0) {
				t.Errorf("%s\nwant a fatal result: %t, got %v", tc.reason, tc.fatal, rsp.GetResults())
			}
		})
	}
}

func runCase(t *testing.T, path string) []byte {
	t.Helper()

	f := NewFunction(logging.NewNopLogger())
	f.now = func() time.Time { return time.Date(2026, time.January, 1, 0, 1, 0, 0, time.UTC) }

	rsp, err := f.RunFunction(context.Background(), readRequest(t, path))
	if err != nil {
		t.Fatalf("RunFunction(...): %v", err)
	}

	return toYAML(t, rsp)
}

func readRequest(t testing.TB, path string) *fnv1.RunFunctionRequest {
	t.Helper()

	doc := readYAML(t, path)
	if _, set := doc["input"]; !set {
		doc["input"] = readYAML(t, "testdata/input.yaml")
	}

	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}

	req := &fnv1.RunFunctionRequest{}
	if err := protojson.Unmarshal(b, req); err != nil {
		t.Fatalf("%s: %v", path, err)
	}

	return req
}

func readYAML(t testing.TB, path string) map[string]any {
	t.Helper()

	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	doc := map[string]any{}
	if err := yaml.UnmarshalStrict(b, &doc); err != nil {
		t.Fatalf("%s: %v", path, err)
	}

	return doc
}

func toYAML(t *testing.T, m proto.Message) []byte {
	t.Helper()

	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}

	b, err = yaml.JSONToYAML(b)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// BenchmarkRunFunction runs the function for a ready claim with three users and five rules.
func BenchmarkRunFunction(b *testing.B) {
	f := NewFunction(logging.NewNopLogger())
	req := readRequest(b, "testdata/ready-users/request.yaml")

	b.ReportAllocs()

	for b.Loop() {
		if _, err := f.RunFunction(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
