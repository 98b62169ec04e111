package reconciler

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

const team = "team-a"

// named returns an object that exists on the server under an external name; none for an empty
// name.
func named[T client.Object](o T, namespace, name, external string, labels map[string]string) T {
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(labels)

	if external != "" {
		meta.SetExternalName(o, external)
	}

	return o
}

func toBucket(name string) miniov1alpha1.Grant {
	return miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: name}}
}

func toPolicies(match string, policy *xpv1.Policy) miniov1alpha1.PolicyAttachment {
	return miniov1alpha1.PolicyAttachment{PolicySelector: &xpv1.NamespacedSelector{MatchLabels: map[string]string{"match": match}, Policy: policy}}
}

func policyOf(resolve xpv1.ResolvePolicy, resolution xpv1.ResolutionPolicy) *xpv1.Policy {
	return &xpv1.Policy{Resolve: &resolve, Resolution: &resolution}
}

// resolvedNames are the names that the grants and policies of a User resolve to.
func resolvedNames(u *miniov1alpha1.User) []string {
	names := make([]string, 0, len(u.Spec.ForProvider.Grants)+len(u.Spec.ForProvider.Policies))

	for _, g := range u.Spec.ForProvider.Grants {
		names = append(names, g.BucketName)
	}

	for _, p := range u.Spec.ForProvider.Policies {
		names = append(names, p.PolicyName)
	}

	return names
}

func TestReferences(t *testing.T) {
	// In the spec of a version that stored what references resolve to.
	stored := miniov1alpha1.Grant{BucketName: "was", BucketRef: &xpv1.NamespacedReference{Name: "photos"}}
	storedGone := miniov1alpha1.Grant{BucketName: "was", BucketRef: &xpv1.NamespacedReference{Name: "gone"}}

	optional := toBucket("gone")
	optional.BucketRef.Policy = policyOf(xpv1.ResolvePolicy("IfNotPresent"), xpv1.ResolutionPolicyOptional)

	elsewhere := toBucket("shared")
	elsewhere.BucketRef.Namespace = "team-b"

	selectorKey := `policySelector/{"matchLabels":{"match":"1"}}`

	cases := map[string]struct {
		reason   string
		grants   []miniov1alpha1.Grant
		policies []miniov1alpha1.PolicyAttachment
		recorded map[string]string
		deleted  bool
		want     []string
		record   map[string]string
		err      string
	}{
		"NoReferences": {
			reason: "A name stays as it is, and nothing is recorded.",
			grants: []miniov1alpha1.Grant{{BucketName: "plain"}},
			want:   []string{"plain"},
		},
		"Both": {
			reason:   "References of two fields are resolved, whatever was recorded of them.",
			grants:   []miniov1alpha1.Grant{toBucket("photos"), {BucketName: "plain"}, elsewhere},
			policies: []miniov1alpha1.PolicyAttachment{{PolicyRef: &xpv1.NamespacedReference{Name: "a"}}},
			recorded: map[string]string{"bucketRef/team-a/photos": "was", "bucketRef/team-a/other": "other"},
			want:     []string{"photos-1", "plain", "shared-1", "policy-a"},
			record: map[string]string{
				"bucketRef/team-a/photos": "photos-1", "bucketRef/team-b/shared": "shared-1", "policyRef/team-a/a": "policy-a",
			},
		},
		"Stored": {
			reason: "A reference wins over a name next to it.",
			grants: []miniov1alpha1.Grant{stored},
			want:   []string{"photos-1"},
			record: map[string]string{"bucketRef/team-a/photos": "photos-1"},
		},
		"Gone": {
			reason:   "The recorded name stays in use once the referenced resource is gone.",
			grants:   []miniov1alpha1.Grant{toBucket("gone"), toBucket("photos")},
			recorded: map[string]string{"bucketRef/team-a/gone": "was"},
			want:     []string{"was", "photos-1"},
			record:   map[string]string{"bucketRef/team-a/gone": "was", "bucketRef/team-a/photos": "photos-1"},
		},
		"StoredGone": {
			reason: "So does a name that an earlier version stored in the spec.",
			grants: []miniov1alpha1.Grant{storedGone},
			want:   []string{"was"},
			record: map[string]string{"bucketRef/team-a/gone": "was"},
		},
		"Never": {
			reason: "A reference that was never resolved fails, with its path and target.",
			grants: []miniov1alpha1.Grant{toBucket("photos"), toBucket("gone")},
			want:   []string{"photos-1", ""},
			err:    `cannot resolve spec.forProvider.grants[1].bucketRef: "team-a/gone" does not exist, or has no external name yet`,
		},
		"NotCreated": {
			reason: "A resource that was not created yet has no name to resolve to.",
			grants: []miniov1alpha1.Grant{toBucket("new")},
			want:   []string{""},
			err:    `"team-a/new" does not exist, or has no external name yet`,
		},
		"Optional": {
			reason: "An optional reference may stay unresolved.",
			grants: []miniov1alpha1.Grant{optional, toBucket("photos")},
			want:   []string{"", "photos-1"},
			record: map[string]string{"bucketRef/team-a/photos": "photos-1"},
		},
		"Selector": {
			reason:   "A selector takes the first by name, which is recorded.",
			policies: []miniov1alpha1.PolicyAttachment{toPolicies("1", nil)},
			want:     []string{"policy-b"},
			record:   map[string]string{selectorKey: "team-a/b", "policyRef/team-a/b": "policy-b"},
		},
		"Selected": {
			reason:   "What a selector has selected stays selected.",
			policies: []miniov1alpha1.PolicyAttachment{toPolicies("1", nil)},
			recorded: map[string]string{selectorKey: "team-a/c", "policyRef/team-a/c": "was"},
			want:     []string{"policy-c"},
			record:   map[string]string{selectorKey: "team-a/c", "policyRef/team-a/c": "policy-c"},
		},
		"Always": {
			reason:   "A selector whose policy is Always selects anew.",
			policies: []miniov1alpha1.PolicyAttachment{toPolicies("1", policyOf(xpv1.ResolvePolicyAlways, xpv1.ResolutionPolicyRequired))},
			recorded: map[string]string{selectorKey: "team-a/c", "policyRef/team-a/c": "was"},
			want:     []string{"policy-b"},
			record:   map[string]string{"policyRef/team-a/b": "policy-b"},
		},
		"SelectsNothing": {
			reason:   "A selector that selects nothing fails.",
			policies: []miniov1alpha1.PolicyAttachment{toPolicies("2", nil)},
			want:     []string{""},
			err:      "cannot resolve spec.forProvider.policies[0].policySelector: no resource that it selects exists and has an external name",
		},
		"Deleted": {
			reason:   "A deletion uses what was recorded, else what the spec holds, else what can be resolved.",
			grants:   []miniov1alpha1.Grant{toBucket("photos"), storedGone, elsewhere, toBucket("gone")},
			policies: []miniov1alpha1.PolicyAttachment{toPolicies("1", nil)},
			recorded: map[string]string{"bucketRef/team-a/photos": "was-photos", selectorKey: "team-a/d", "policyRef/team-a/d": "was-d"},
			deleted:  true,
			want:     []string{"was-photos", "was", "shared-1", "", "was-d"},
			record:   map[string]string{"bucketRef/team-a/photos": "was-photos", selectorKey: "team-a/d", "policyRef/team-a/d": "was-d"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "alice"}}
			u.Spec.ForProvider.Grants, u.Spec.ForProvider.Policies = tc.grants, tc.policies
			// Once it is owned, no record of a creation follows.
			meta.SetExternalName(u, "alice")
			annotate(t, u, tc.recorded)

			match := map[string]string{"match": "1"}
			kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithObjects(u,
				named(&miniov1alpha1.Bucket{}, team, "photos", "photos-1", nil),
				named(&miniov1alpha1.Bucket{}, "team-b", "shared", "shared-1", nil),
				named(&miniov1alpha1.Bucket{}, team, "new", "", nil),
				named(&miniov1alpha1.Policy{}, team, "a", "policy-a", nil),
				named(&miniov1alpha1.Policy{}, team, "c", "policy-c", match),
				named(&miniov1alpha1.Policy{}, team, "b", "policy-b", match),
			).Build()

			written := u.DeepCopy()
			err := resolve(t, kube, u, tc.deleted)

			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
				}
			} else if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}

			if diff := cmp.Diff(tc.want, resolvedNames(u)); diff != "" {
				t.Errorf("%s\n-want, +resolved:\n%s", tc.reason, diff)
			}

			for i, g := range u.Spec.ForProvider.Grants {
				if diff := cmp.Diff(written.Spec.ForProvider.Grants[i].BucketRef, g.BucketRef); diff != "" {
					t.Errorf("reference %d: -written, +in memory:\n%s", i, diff)
				}
			}

			stored := &miniov1alpha1.User{}
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(u), stored); err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(written.Spec, stored.Spec); diff != "" {
				t.Errorf("spec: -written, +stored:\n%s", diff)
			}

			if tc.err == "" {
				if diff := cmp.Diff(tc.record, recordedReferences(stored)); diff != "" {
					t.Errorf("%s\nrecord: -want, +stored:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// annotate gives a resource a record; none if it is empty.
func annotate(t *testing.T, u *miniov1alpha1.User, record map[string]string) {
	t.Helper()

	if len(record) == 0 {
		return
	}

	content, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}

	meta.AddAnnotations(u, map[string]string{annotationKeyReferences: string(content)})
}

// resolve resolves the references of a User as the runtime does, and returns the error.
func resolve(t *testing.T, kube client.Client, u *miniov1alpha1.User, deleted bool) error {
	t.Helper()

	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		t.Fatal(err)
	}

	r := NewReferences(NewStatusChangeOnlyClient(kube, kube, &miniov1alpha1.User{}, func(client.ObjectKey) {}))

	if deleted {
		now := metav1.Now()
		u.DeletionTimestamp = &now
	}

	if err := r.Initialize(t.Context(), u); err != nil || deleted {
		return err
	}

	return r.ResolveReferences(t.Context(), u)
}

// TestReferencesRecord expects the record to be stored at once, unless the runtime stores the
// resource next, and only if it has changed.
func TestReferencesRecord(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.User)
		writes int
	}{
		"New": {
			reason: "The record of the pending creation stores it.",
			change: func(*miniov1alpha1.User) {},
		},
		"Begun": {
			reason: "Nothing else stores it.",
			change: func(u *miniov1alpha1.User) { meta.SetExternalCreatePending(u, time.Now()) },
			writes: 1,
		},
		"Known": {
			reason: "It is stored already.",
			change: func(u *miniov1alpha1.User) {
				meta.SetExternalName(u, "alice")
				meta.AddAnnotations(u, map[string]string{annotationKeyReferences: `{"bucketRef/team-a/photos": "photos-1"}`})
			},
		},
		"Edited": {
			reason: "An annotation that is no record is replaced.",
			change: func(u *miniov1alpha1.User) {
				meta.SetExternalName(u, "alice")
				meta.AddAnnotations(u, map[string]string{annotationKeyReferences: "nonsense"})
			},
			writes: 1,
		},
		"Removed": {
			reason: "The record goes with the last reference.",
			change: func(u *miniov1alpha1.User) {
				meta.SetExternalName(u, "alice")
				meta.AddAnnotations(u, map[string]string{annotationKeyReferences: `{"bucketRef/team-a/photos": "photos-1"}`})

				u.Spec.ForProvider.Grants = nil
			},
			writes: 1,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "alice"}}
			u.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionAll}
			u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{toBucket("photos")}
			tc.change(u)

			l := providertest.NewLagging(t, u, named(&miniov1alpha1.Bucket{}, team, "photos", "photos-1", nil))
			if err := resolve(t, l, u, false); err != nil || l.Writes != tc.writes {
				t.Errorf("%s\nwant %d writes, got %d, %v", tc.reason, tc.writes, l.Writes, err)
			}

			want := map[string]string{"bucketRef/team-a/photos": "photos-1"}
			if len(u.Spec.ForProvider.Grants) == 0 {
				want = nil
			}

			if diff := cmp.Diff(want, recordedReferences(u)); diff != "" {
				t.Errorf("%s\n-want, +in memory:\n%s", tc.reason, diff)
			}
		})
	}
}
