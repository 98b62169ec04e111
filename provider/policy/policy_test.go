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

// fakeAdmin is a server of one policy. It writes down the calls that change
// something.
type fakeAdmin struct {
	policy  []byte
	holders []madmin.PolicyEntities
	calls   []string
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

	if len(f.holders) > 0 {
		return madmin.ErrorResponse{Code: "XMinioIAMPolicyInUse"}
	}

	f.policy = nil

	return nil
}

func (f *fakeAdmin) GetPolicyEntities(context.Context, madmin.PolicyEntitiesQuery) (madmin.PolicyEntitiesResult, error) {
	f.calls = append(f.calls, "GetPolicyEntities")

	return madmin.PolicyEntitiesResult{PolicyMappings: f.holders}, nil
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
		there  string
		owned  bool
		spec   string
		calls  []string
		err    string
	}{
		"New":       {reason: "A policy that is not there is written.", spec: document, calls: []string{"AddCannedPolicy"}},
		"Same":      {reason: "A policy that means the same is left alone.", there: reordered, owned: true, spec: document},
		"Drifted":   {reason: "A policy that means something else is written.", there: widened, owned: true, spec: document, calls: []string{"AddCannedPolicy"}},
		"Foreign":   {reason: "A policy that somebody else made is left alone.", there: widened, spec: document, err: "set the annotation crossplane.io/external-name: read-photos to adopt it"},
		"Invalid":   {reason: "What the server would not take is not sent.", spec: `{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}`, err: "spec.forProvider.document is no policy that MinIO takes"},
		"Worsening": {reason: "What the server would not take is not sent.", there: document, owned: true, spec: "no JSON", err: "spec.forProvider.document is no policy that MinIO takes"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a, p := &fakeAdmin{}, newPolicy(tc.spec)
			if tc.there != "" {
				a.policy = []byte(tc.there)
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

// TestDelete keeps a policy that is held, and says by whom.
func TestDelete(t *testing.T) {
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf("u%d", i)
	}

	cases := map[string]struct {
		reason  string
		holders []madmin.PolicyEntities
		err     string
	}{
		"Free":   {reason: "A policy that nobody holds goes."},
		"Held":   {reason: "AttachedTo are named, by their resource if they have one.", holders: []madmin.PolicyEntities{{Users: []string{"bob", "CSTN1"}, Groups: []string{"ops"}}}, err: `policy "read-photos" is held by User "team-a/reader" (CSTN1), group "ops", user "bob": take it from them, and it goes too`},
		"ByMany": {reason: "A message has an end.", holders: []madmin.PolicyEntities{{Users: many}}, err: `user "u4", 5 more: take it`},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := &fakeAdmin{policy: []byte(document), holders: tc.holders}

			_, err := newExternal(t, a).Delete(t.Context(), newPolicy(document))
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nDelete(...): want error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
