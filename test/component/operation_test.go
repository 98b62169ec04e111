package component

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCallNames(t *testing.T) {
	cases := map[string]struct {
		reason string
		name   func(method string, u *url.URL) Call
		method string
		url    string
		want   Call
	}{
		"Admin": {
			reason: "An administration call is named by the end of its path.",
			name:   minioCall, method: http.MethodGet, url: "/minio/admin/v3/user-info?accessKey=A",
			want: Call{Server: MinIO, Operation: "user-info", Object: "A"},
		},
		"Encrypted": {
			reason: "Calls with an encrypted payload are recognized.",
			name:   minioCall, method: http.MethodPut, url: "/minio/admin/v3/add-user?accessKey=A",
			want: Call{Server: MinIO, Operation: "add-user", Object: "A", Write: true, Encrypted: true},
		},
		"EncryptedBelow": {
			reason: "Below idp, the operation comes after the identity provider.",
			name:   minioCall, method: http.MethodPost, url: "/minio/admin/v3/idp/builtin/policy/attach",
			want: Call{Server: MinIO, Operation: "attach", Write: true, Encrypted: true},
		},
		"Provider": {
			reason: "Outside idp, the identity provider after the operation is not part of its name.",
			name:   minioCall, method: http.MethodPost, url: "/minio/admin/v3/revoke-tokens/builtin?user=A",
			want: Call{Server: MinIO, Operation: "revoke-tokens", Write: true},
		},
		"Bucket": {
			reason: "The operation does not contain the bucket's name.",
			name:   minioCall, method: http.MethodPut, url: "/photos/",
			want: Call{Server: MinIO, Operation: "PUT bucket", Object: "photos", Write: true},
		},
		"Setting": {
			reason: "A subresource is part of the operation.",
			name:   minioCall, method: http.MethodGet, url: "/photos/?versioning=",
			want: Call{Server: MinIO, Operation: "GET bucket?versioning", Object: "photos"},
		},
		"List": {
			reason: "Parameters that only filter a list are not part of the operation.",
			name:   minioCall, method: http.MethodGet, url: "/photos/?list-type=2&prefix=policy&delimiter=%2F",
			want: Call{Server: MinIO, Operation: "GET bucket?list-type", Object: "photos"},
		},
		"Object": {
			reason: "The operation does not contain the object's name.",
			name:   minioCall, method: http.MethodDelete, url: "/photos/a/b?versionId=1",
			want: Call{Server: MinIO, Operation: "DELETE object", Object: "photos", Write: true},
		},
		"Status": {
			reason: "A subresource of Kubernetes is part of the operation.",
			name:   kubernetesCall, method: http.MethodPut, url: "/apis/minio.cistern.dev/v1alpha1/namespaces/a/users/b/status",
			want: Call{Server: Kubernetes, Operation: "PUT users/status", Namespace: "a", Object: "a/b", Write: true},
		},
		"Core": {
			reason: "The core group has its own path prefix.",
			name:   kubernetesCall, method: http.MethodPost, url: "/api/v1/namespaces/a/secrets",
			want: Call{Server: Kubernetes, Operation: "POST secrets", Namespace: "a", Write: true},
		},
		"Namespace": {
			reason: "A namespace itself is a resource.",
			name:   kubernetesCall, method: http.MethodGet, url: "/api/v1/namespaces/a",
			want: Call{Server: Kubernetes, Operation: "GET namespaces", Object: "a"},
		},
		"Watch": {
			reason: "A watch is distinguished from a list.",
			name:   kubernetesCall, method: http.MethodGet, url: "/apis/minio.cistern.dev/v1alpha1/users?watch=true&resourceVersion=1",
			want: Call{Server: Kubernetes, Operation: "WATCH users"},
		},
		"Discovery": {
			reason: "A call without a resource is named by its path.",
			name:   kubernetesCall, method: http.MethodGet, url: "/apis/minio.cistern.dev/v1alpha1",
			want: Call{Server: Kubernetes, Operation: "GET /apis/minio.cistern.dev/v1alpha1"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tc.want, tc.name(tc.method, u), cmpopts.IgnoreFields(Call{}, "Name")); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
