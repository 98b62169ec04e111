//go:build e2e

package render

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

const (
	// nameAnnotation holds the name of a composed resource within its composition.
	nameAnnotation = "crossplane.io/composition-resource-name"

	functionRef = "function-bucket"
)

// State that all cases share.
var (
	repo, crossplane, address string

	definition map[string]any
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Building Crossplane takes many minutes if it is not in the cache.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	stop, err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		return 1
	}
	defer stop()

	return m.Run()
}

// start builds Crossplane and the function, and starts the function.
func start(ctx context.Context) (stop func(), err error) {
	if repo, err = tools.RepoDir(); err != nil {
		return nil, err
	}

	paths, err := tools.Build(ctx, os.Stderr, "crossplane")
	if err != nil {
		return nil, err
	}

	crossplane = paths["crossplane"]

	b, err := os.ReadFile(filepath.Join(repo, "package", "configuration", "definition.yaml"))
	if err != nil {
		return nil, err
	}

	if err := yaml.Unmarshal(b, &definition); err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp("", "cistern-render-")
	if err != nil {
		return nil, err
	}

	program := filepath.Join(dir, functionRef)

	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./fn")
	build.Dir, build.Stderr = repo, os.Stderr

	if err := build.Run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}

	// A free port, on which the function listens a moment later.
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It does not wait.
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}

	address = l.Addr().String()
	_ = l.Close()

	//nolint:noctx // It ends with the tests.
	function := exec.Command(program, "--insecure", "--address", address, "--metrics-address", "")
	function.Stderr = os.Stderr

	if err := function.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}

	return func() {
		_ = function.Process.Kill()
		_ = function.Wait()
		_ = os.RemoveAll(dir)
	}, nil
}

// TestCases lets Crossplane compose each case of the function: what it applies and deletes, and the
// claim's status, must match the function's golden files. A request without the field input has that of
// testdata/input.yaml.
func TestCases(t *testing.T) {
	requests, err := filepath.Glob(filepath.Join(repo, "fn", "testdata", "*", "request.yaml"))
	if err != nil || len(requests) == 0 {
		t.Fatalf("no cases: %v", err)
	}

	for _, path := range requests {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()

			req, rsp := &fnv1.RunFunctionRequest{}, &fnv1.RunFunctionResponse{}
			request := readYAML(t, path)
			if _, set := request["input"]; !set {
				request["input"] = readYAML(t, filepath.Join(dir, "..", "input.yaml"))
			}

			parse(t, request, req)
			parse(t, readYAML(t, filepath.Join(dir, "response.yaml")), rsp)

			if req.GetDesired() != nil {
				t.Skip("needs an earlier step of the pipeline")
			}

			out, err := Render(t.Context(), crossplane, input(req))
			if message := fatal(rsp); message != "" {
				if err == nil || !strings.Contains(err.Error(), message) {
					t.Errorf("want error %q, got %v", message, err)
				}

				return
			}

			if err != nil {
				t.Fatal(err)
			}

			if !answered(req, rsp) {
				// Crossplane answers the requirements and calls the function again, so the
				// result may hold more than the golden file.
				wantNothingLost(t, rsp, out)
				return
			}

			wantComposed(t, rsp, out)
			wantDeleted(t, req, rsp, out)
			wantStatus(t, rsp, out)
		})
	}
}

// fatal returns the message of a fatal result, the empty string if there is none.
func fatal(rsp *fnv1.RunFunctionResponse) string {
	for _, r := range rsp.GetResults() {
		if r.GetSeverity() == fnv1.Severity_SEVERITY_FATAL {
			return r.GetMessage()
		}
	}

	return ""
}

func readYAML(t *testing.T, path string) map[string]any {
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

func parse(t *testing.T, doc map[string]any, into proto.Message) {
	t.Helper()

	b, err := json.Marshal(doc)
	if err == nil {
		err = protojson.Unmarshal(b, into)
	}

	if err != nil {
		t.Fatal(err)
	}
}

// input returns the state of the cluster that leads to a request.
func input(req *fnv1.RunFunctionRequest) Input {
	claim := req.GetObserved().GetComposite().GetResource().AsMap()
	step := map[string]any{"step": "bucket", "functionRef": map[string]any{"name": functionRef}}

	if req.GetInput() != nil {
		step["input"] = req.GetInput().AsMap()
	}

	in := Input{
		Claim:      claim,
		Definition: definition,
		Composition: map[string]any{
			"apiVersion": "apiextensions.crossplane.io/v1",
			"kind":       "Composition",
			"metadata":   map[string]any{"name": "buckets"},
			"spec": map[string]any{
				"compositeTypeRef": map[string]any{"apiVersion": claim["apiVersion"], "kind": claim["kind"]},
				"mode":             "Pipeline",
				"pipeline":         []any{step},
			},
		},
		Functions: map[string]string{functionRef: address},
	}

	known := map[string]bool{}

	for name, r := range req.GetObserved().GetResources() {
		u := &unstructured.Unstructured{Object: r.GetResource().AsMap()}
		annotations := u.GetAnnotations()

		if annotations == nil {
			annotations = map[string]string{}
		}

		annotations[nameAnnotation] = name
		u.SetAnnotations(annotations)

		in.Observed = append(in.Observed, u.Object)
		known[u.GetKind()+"/"+u.GetName()] = true

		if len(r.GetConnectionDetails()) > 0 {
			in.Secrets = append(in.Secrets, connectionSecret(u, r.GetConnectionDetails()))
		}
	}

	for _, required := range req.GetRequiredResources() {
		for _, r := range required.GetItems() {
			u := &unstructured.Unstructured{Object: r.GetResource().AsMap()}
			if !known[u.GetKind()+"/"+u.GetName()] {
				in.Others = append(in.Others, u.Object)
			}
		}
	}

	return in
}

// connectionSecret returns the Secret from which Crossplane reads a resource's connection details.
func connectionSecret(u *unstructured.Unstructured, details map[string][]byte) map[string]any {
	name, _, _ := unstructured.NestedString(u.Object, "spec", "writeConnectionSecretToRef", "name")
	data := map[string]any{}

	for k, v := range details {
		data[k] = base64.StdEncoding.EncodeToString(v)
	}

	return map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": name, "namespace": u.GetNamespace()},
		"data":     data,
	}
}

// answered reports whether a request has all resources that its response requires.
func answered(req *fnv1.RunFunctionRequest, rsp *fnv1.RunFunctionResponse) bool {
	for name := range rsp.GetRequirements().GetResources() {
		if _, ok := req.GetRequiredResources()[name]; !ok {
			return false
		}
	}

	return true
}

// byName returns composed resources by their name within the composition, without the metadata that
// Crossplane adds.
func byName(objects []map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}

	for _, o := range objects {
		u := &unstructured.Unstructured{Object: o}
		name := u.GetAnnotations()[nameAnnotation]
		metadata := map[string]any{"name": u.GetName()}

		for field, values := range map[string]map[string]string{"labels": u.GetLabels(), "annotations": u.GetAnnotations()} {
			own := map[string]any{}

			for k, v := range values {
				if !strings.HasPrefix(k, "crossplane.io/") {
					own[k] = v
				}
			}

			if len(own) > 0 {
				metadata[field] = own
			}
		}

		o["metadata"] = metadata
		all[name] = o
	}

	return all
}

func wantComposed(t *testing.T, rsp *fnv1.RunFunctionResponse, out *Output) {
	t.Helper()

	want := map[string]map[string]any{}
	for name, r := range rsp.GetDesired().GetResources() {
		want[name] = r.GetResource().AsMap()
	}

	if diff := cmp.Diff(want, byName(out.Composed)); diff != "" {
		t.Errorf("composed: -want, +got:\n%s", diff)
	}
}

func wantDeleted(t *testing.T, req *fnv1.RunFunctionRequest, rsp *fnv1.RunFunctionResponse, out *Output) {
	t.Helper()

	var want []string

	for name, r := range req.GetObserved().GetResources() {
		// Crossplane does not observe resources that the claim does not control.
		u := &unstructured.Unstructured{Object: r.GetResource().AsMap()}
		if _, kept := rsp.GetDesired().GetResources()[name]; !kept && len(u.GetOwnerReferences()) > 0 {
			want = append(want, name)
		}
	}

	slices.Sort(want)

	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(byName(out.Deleted)))); diff != "" {
		t.Errorf("deleted: -want, +got:\n%s", diff)
	}
}

// wantNothingLost wants at least the resources of the golden file to be applied, and none deleted.
func wantNothingLost(t *testing.T, rsp *fnv1.RunFunctionResponse, out *Output) {
	t.Helper()

	got := byName(out.Composed)
	for name := range rsp.GetDesired().GetResources() {
		if got[name] == nil {
			t.Errorf("%s is not composed", name)
		}
	}

	if len(out.Deleted) > 0 {
		t.Errorf("deleted: %v", slices.Sorted(maps.Keys(byName(out.Deleted))))
	}
}

// wantStatus wants the claim to have the status, the conditions and the readiness of the response.
func wantStatus(t *testing.T, rsp *fnv1.RunFunctionResponse, out *Output) {
	t.Helper()

	status, _ := out.Claim["status"].(map[string]any)
	want, _ := rsp.GetDesired().GetComposite().GetResource().AsMap()["status"].(map[string]any)

	for field, value := range want {
		if diff := cmp.Diff(value, status[field]); diff != "" {
			t.Errorf("status.%s: -want, +got:\n%s", field, diff)
		}
	}

	ready := corev1.ConditionFalse
	if rsp.GetDesired().GetComposite().GetReady() == fnv1.Ready_READY_TRUE {
		ready = corev1.ConditionTrue
	}

	conditions := append(make([]map[string]any, 0, 1+len(rsp.GetConditions())), map[string]any{"type": "Ready", "status": string(ready)})

	for _, c := range rsp.GetConditions() {
		condition := map[string]any{
			"type":   c.GetType(),
			"status": map[fnv1.Status]string{fnv1.Status_STATUS_CONDITION_TRUE: "True", fnv1.Status_STATUS_CONDITION_FALSE: "False"}[c.GetStatus()],
			"reason": c.GetReason(),
		}
		if c.GetMessage() != "" {
			condition["message"] = c.GetMessage()
		}

		conditions = append(conditions, condition)
	}

	for _, c := range conditions {
		if !slices.ContainsFunc(conditionsOf(status), func(got map[string]any) bool { return includes(got, c) }) {
			t.Errorf("want condition %v, got %s", c, strings.TrimSpace(fmt.Sprintln(status["conditions"])))
		}
	}
}

func conditionsOf(status map[string]any) []map[string]any {
	var all []map[string]any

	items, _ := status["conditions"].([]any)
	for _, i := range items {
		if c, ok := i.(map[string]any); ok {
			all = append(all, c)
		}
	}

	return all
}

// includes reports whether got has every field of want with the same value.
func includes(got, want map[string]any) bool {
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}

	return true
}
