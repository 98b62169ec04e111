package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
)

const (
	document  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`
	reordered = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":["arn:aws:s3:::photos/*","arn:aws:s3:::photos"],"Action":["s3:ListBucket","s3:GetObject"]}]}`
	widened   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
)

// fakeAdmin is a server with at most one policy.
type fakeAdmin struct {
	policy []byte
	// attached are the users and groups that the policy is attached to.
	attached []madmin.PolicyEntities
	// calls are the names of all calls except reads of the policy.
	calls []string
}

func (f *fakeAdmin) AddCannedPolicy(_ context.Context, _ string, d []byte) error {
	f.policy = d
	f.calls = append(f.calls, "AddCannedPolicy")

	return nil
}

func (f *fakeAdmin) InfoCannedPolicyV2(context.Context, string) (*madmin.PolicyInfo, error) {
	if f.policy == nil {
		return nil, madmin.ErrorResponse{Code: "XMinioAdminNoSuchPolicy", RequestID: "1"}
	}

	return &madmin.PolicyInfo{Policy: f.policy}, nil
}

func (f *fakeAdmin) RemoveCannedPolicy(context.Context, string) error {
	f.calls = append(f.calls, "RemoveCannedPolicy")

	if len(f.attached) > 0 {
		return madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse"}
	}

	f.policy = nil

	return nil
}

func (f *fakeAdmin) GetPolicyEntities(context.Context, madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error) {
	f.calls = append(f.calls, "GetPolicyEntities")

	return madmin.PolicyEntitiesResult{PolicyMappings: f.attached}, nil
}

func newPolicy(document string) *miniov1alpha1.Policy {
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "read-photos", Namespace: "team-a"}}
	p.Spec.ForProvider.Document = document

	return p
}

func newExternal(t *testing.T, a *fakeAdmin) *external {
	t.Helper()

	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: "team-a"}}
	meta.SetExternalName(u, "CSTN1")

	return &external{kube: controller.Kube{Reader: fake.NewClientBuilder().WithScheme(s).WithObjects(u).Build()}, admin: a}
}

func TestReconcile(t *testing.T) {
	cases := map[string]struct {
		reason string
		// stored is the document on the server; empty if there is no policy.
		stored string
		owned  bool
		spec   string
		calls  []string
		err    string
	}{
		"New": {
			reason: "A policy that does not exist is written.",
			spec:   document, calls: []string{"AddCannedPolicy"},
		},
		"Same": {
			reason: "A policy that means the same is left alone.",
			stored: reordered, owned: true, spec: document,
		},
		"Drifted": {
			reason: "A policy that means something else is written.",
			stored: widened, owned: true, spec: document, calls: []string{"AddCannedPolicy"},
		},
		"NotOwned": {
			reason: "A policy that the resource did not make is left alone.",
			stored: widened, spec: document,
			err: "set the annotation crossplane.io/external-name: read-photos to adopt it",
		},
		"InvalidNew": {
			reason: "A document that the server would reject is not sent to create a policy.",
			spec:   `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}`,
			err:    "spec.forProvider.document is no policy that MinIO takes",
		},
		"InvalidChange": {
			reason: "A document that the server would reject is not sent to change a policy.",
			stored: document, owned: true, spec: "no JSON",
			err: "spec.forProvider.document is no policy that MinIO takes",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a, p := &fakeAdmin{}, newPolicy(tc.spec)
			if tc.stored != "" {
				a.policy = []byte(tc.stored)
			}

			if tc.owned {
				meta.SetExternalName(p, p.Name)
			}

			e := newExternal(t, a)

			o, err := e.Observe(t.Context(), p)

			switch {
			case err != nil:
			case !o.ResourceExists:
				_, err = e.Create(t.Context(), p)
			case !o.ResourceUpToDate:
				_, err = e.Update(t.Context(), p)
			}

			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.calls, a.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDelete expects a policy that is attached to be kept, and the error to name the users
// and groups.
func TestDelete(t *testing.T) {
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf("u%d", i)
	}

	cases := map[string]struct {
		reason   string
		attached []madmin.PolicyEntities
		err      string
	}{
		"Free": {
			reason: "A policy that is not attached is removed.",
		},
		"Attached": {
			reason:   "Users and groups are named, a user after its resource if it has one.",
			attached: []madmin.PolicyEntities{{Users: []string{"bob", "CSTN1"}, Groups: []string{"ops"}}},
			err: `policy "read-photos" is attached to User "team-a/reader" (CSTN1), group "ops", user "bob": ` +
				`detach it from them; the policy is then deleted`,
		},
		"ManyUsers": {
			reason:   "At most five are named.",
			attached: []madmin.PolicyEntities{{Users: many}},
			err:      `user "u4", 5 more: detach it`,
		},
		"Unnamed": {
			reason:   "The server does not list to whom it is attached.",
			attached: []madmin.PolicyEntities{{}},
			err:      `policy "read-photos" is attached to a user or group: detach it`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := &fakeAdmin{policy: []byte(document), attached: tc.attached}

			_, err := newExternal(t, a).Delete(t.Context(), newPolicy(document))
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nDelete(...): want error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
