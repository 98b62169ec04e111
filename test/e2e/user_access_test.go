//go:build e2e

package e2e

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// TestUserAccess checks for each kind of grant what a user's key may do, inside and
// outside its prefix, and that a changed grant takes effect.
func TestUserAccess(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "access")
	create(t, b)
	waitAvailable(t, b)

	t.Cleanup(func() { empty(t, admin.S3, b.Name) })

	for _, key := range []string{"in/a", "out/a"} {
		if err := put(ctx, admin.S3, b.Name, key); err != nil {
			t.Fatal(err)
		}
	}

	actions := map[string]func(s3 *miniogo.Client, prefix string) error{
		"list": func(s3 *miniogo.Client, prefix string) error {
			for o := range s3.ListObjects(ctx, b.Name, miniogo.ListObjectsOptions{Prefix: prefix}) {
				return o.Err
			}

			return nil
		},
		"read": func(s3 *miniogo.Client, prefix string) error {
			o, err := s3.GetObject(ctx, b.Name, prefix+"a", miniogo.GetObjectOptions{})
			if err == nil {
				_, err = io.ReadAll(o)
			}

			return err
		},
		"write":  func(s3 *miniogo.Client, prefix string) error { return put(ctx, s3, b.Name, prefix+"b") },
		"delete": func(s3 *miniogo.Client, prefix string) error { return remove(ctx, s3, b.Name, prefix+"b") },
		"settings": func(s3 *miniogo.Client, _ string) error {
			return s3.EnableVersioning(ctx, b.Name)
		},
		"read settings": func(s3 *miniogo.Client, _ string) error {
			_, err := s3.GetBucketVersioning(ctx, b.Name)

			return err
		},
		"policy": func(s3 *miniogo.Client, _ string) error {
			return s3.SetBucketPolicy(ctx, b.Name, `{"Version":"2012-10-17","Statement":[]}`)
		},
	}

	cases := map[string]struct {
		reason string
		grant  miniov1alpha1.Grant
		// inside and outside are the actions allowed below in/ and below out/.
		inside, outside []string
	}{
		"readwrite": {
			reason:  "ReadWrite allows every action on objects, and reading settings.",
			grant:   miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadWrite},
			inside:  []string{"list", "read", "write", "delete", "read settings"},
			outside: []string{"list", "read", "write", "delete", "read settings"},
		},
		"readonly": {
			reason: "ReadOnly allows listing and reading, also settings.",
			grant:  miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadOnly},
			inside: []string{"list", "read", "read settings"}, outside: []string{"list", "read", "read settings"},
		},
		"writeonly": {
			reason: "WriteOnly allows writing.",
			grant:  miniov1alpha1.Grant{Access: miniov1alpha1.AccessWriteOnly},
			inside: []string{"write"}, outside: []string{"write"},
		},
		"prefix": {
			reason: "A grant with a prefix allows nothing outside the prefix.",
			grant:  miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadWrite, Prefix: "in/"},
			inside: []string{"list", "read", "write", "delete"},
		},
		"prefix-readonly": {
			reason: "A grant with a prefix allows nothing outside the prefix.",
			grant:  miniov1alpha1.Grant{Access: miniov1alpha1.AccessReadOnly, Prefix: "in/"},
			inside: []string{"list", "read"},
		},
		"prefix-writeonly": {
			reason: "A grant with a prefix allows nothing outside the prefix.",
			grant:  miniov1alpha1.Grant{Access: miniov1alpha1.AccessWriteOnly, Prefix: "in/"},
			inside: []string{"write"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.grant.BucketName = b.Name
			u := newUser(ns, name, tc.grant)
			create(t, u)
			waitAvailable(t, u)
			s3 := userClient(t, u)

			for prefix, allowed := range map[string][]string{"in/": tc.inside, "out/": tc.outside} {
				// delete comes after write: it deletes the object that write wrote.
				for _, action := range []string{"list", "read", "write", "delete", "read settings", "settings", "policy"} {
					err := actions[action](s3, prefix)
					if !slices.Contains(allowed, action) {
						wantDenied(t, action+" "+prefix, err)
					} else if err != nil {
						t.Errorf("%s\n%s %s: %v", tc.reason, action, prefix, err)
					}
				}
			}
		})
	}

	t.Run("Changed", func(t *testing.T) {
		u := newUser(ns, "changed", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadOnly})
		create(t, u)
		waitAvailable(t, u)
		await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants[0].Access = miniov1alpha1.AccessReadWrite })
		await.For(t, "the changed grant to allow writing", func() error { return put(ctx, userClient(t, u), b.Name, "in/changed") })
		await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Grants = nil })
		await.For(t, "the key to be denied without a grant", func() error {
			if err := put(ctx, userClient(t, u), b.Name, "in/changed"); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
				return fmt.Errorf("want AccessDenied, got %w", err)
			}

			return nil
		})
		await.For(t, "the Secret to name no bucket", func() error {
			if b, named := connectionSecret(t, u).Data["BUCKET_NAME"]; named {
				return fmt.Errorf("it names %q", b)
			}

			return nil
		})
	})
}

// TestUserSecretFormats checks that the connection Secret can be used in the format of
// each client that it is published for.
func TestUserSecretFormats(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "shapes")
	create(t, b)

	u := newUser(ns, "shapes", miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: b.Name}})
	create(t, u)
	waitAvailable(t, u)

	d := connectionSecret(t, u).Data
	for format, keys := range map[string][2]string{
		"AWS":       {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
		"Cozystack": {"accessKey", "secretKey"},
		"COSI":      {"COSI_S3_ACCESS_KEY_ID", "COSI_S3_ACCESS_SECRET_KEY"},
	} {
		s3, err := clients.S3(plat, string(d["COSI_S3_ENDPOINT"]), string(d[keys[0]]), string(d[keys[1]]))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := list(ctx, s3, string(d["BUCKET_NAME"])); err != nil {
			t.Errorf("list with the keys of %s: %v", format, err)
		}
	}

	for _, file := range []string{"credentials", "cloud", "rclone.conf", "s3cfg", "MC_HOST_s3"} {
		if !bytes.Contains(d[file], d["secretKey"]) {
			t.Errorf("want %s to hold the secret key", file)
		}
	}
}

// TestUserSecretIsEnough checks that a client that trusts no other authority reaches its
// bucket with what the connection Secret holds, and nothing else.
func TestUserSecretIsEnough(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "enough")
	create(t, b)

	u := newUser(ns, "enough", miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: b.Name}})
	create(t, u)
	waitAvailable(t, u)

	d := connectionSecret(t, u).Data

	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(d["ca.crt"]) || !bytes.Equal(d["ca.crt"], d["COSI_CERTIFICATE_AUTHORITY"]) {
		t.Fatal("want ca.crt and COSI_CERTIFICATE_AUTHORITY to hold the platform's certificate")
	}

	transport, err := clients.Transport(plat)
	if err != nil {
		t.Fatal(err)
	}

	transport.TLSClientConfig.RootCAs = pool

	s3, err := miniogo.New(string(d["BUCKET_HOST"])+":"+string(d["BUCKET_PORT"]), &miniogo.Options{
		Creds: credentials.NewStaticV4(string(d["AWS_ACCESS_KEY_ID"]), string(d["AWS_SECRET_ACCESS_KEY"]), ""),
		// Another region than the server's would be rejected.
		Secure: true, Region: string(d["AWS_DEFAULT_REGION"]), Transport: transport, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := list(t.Context(), s3, string(d["BUCKET_NAME"])); err != nil {
		t.Errorf("list with what the Secret holds: %v", err)
	}
}

// TestUserPolicies checks that a policy can be attached by name, reference and selector,
// and is detached again.
func TestUserPolicies(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "policies")
	create(t, b)
	waitAvailable(t, b)

	p := newPolicy(ns, "list", `{"Version":"2012-10-17","Statement":[`+
		`{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::`+b.Name+`"]}]}`)
	p.Labels = map[string]string{"e2e": "list"}
	create(t, p)
	waitAvailable(t, p)

	for name, a := range map[string]miniov1alpha1.PolicyAttachment{
		"name":     {PolicyName: p.Name},
		"ref":      {PolicyRef: &xpv1.NamespacedReference{Name: p.Name}},
		"selector": {PolicySelector: &xpv1.NamespacedSelector{MatchLabels: p.Labels}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(ns, "by-"+name)
			u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{a}
			create(t, u)
			waitAvailable(t, u)

			if _, err := list(ctx, userClient(t, u), b.Name); err != nil {
				t.Errorf("list: %v", err)
			}

			wantDenied(t, "write", put(ctx, userClient(t, u), b.Name, "x"))

			await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Policies = nil })
			await.For(t, "the key to be denied without the policy", func() error {
				if _, err := list(ctx, userClient(t, u), b.Name); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
					return fmt.Errorf("want AccessDenied, got %w", err)
				}

				return nil
			})
		})
	}
}
