package config

import "keyturn/internal/config/document"

// rawAuth holds the one method that is chosen.
type rawAuth struct{ auth Auth }

var authFields = fields[rawAuth]{
	{"token", func(l *loader, a *rawAuth, v *document.Value) {
		a.auth = Auth{Method: "token", Secret: l.localSource(v)}
	}},
	{"approle", func(l *loader, a *rawAuth, v *document.Value) {
		a.auth = l.login("approle", appRoleFields, v, "role_id", "secret_id")
	}},
	{"kubernetes", func(l *loader, a *rawAuth, v *document.Value) { a.auth = l.login("kubernetes", jwtFields, v, "role") }},
	{"jwt", func(l *loader, a *rawAuth, v *document.Value) { a.auth = l.login("jwt", jwtFields, v, "role", "token") }},
}

var appRoleFields = fields[Auth]{
	{"mount", func(l *loader, a *Auth, v *document.Value) { a.Mount = l.vaultPath(v) }},
	{"role_id", func(l *loader, a *Auth, v *document.Value) { l.role(a, v) }},
	{"secret_id", func(l *loader, a *Auth, v *document.Value) {
		if a.Wrapped = v.Child("wrapped") != nil; !a.Wrapped {
			a.Secret = l.localSource(v)
			return
		}
		wrappedFields.decode(l, v, a)
	}},
}

var wrappedFields = fields[Auth]{
	{"wrapped", func(l *loader, a *Auth, v *document.Value) {
		if in := v.Child("env"); in != nil {
			in.Fail("use {wrapped: {file: PATH}}", "a wrapped secret_id can be taken out once, and an environment cannot be replaced")
			return
		}
		a.Secret = l.localSource(v)
	}},
}

var jwtFields = fields[Auth]{
	{"mount", func(l *loader, a *Auth, v *document.Value) { a.Mount = l.vaultPath(v) }},
	{"role", func(l *loader, a *Auth, v *document.Value) { l.role(a, v) }},
	{"token", func(l *loader, a *Auth, v *document.Value) { a.Secret = l.localSource(v) }},
}

// role takes a role that is written out, or that each process finds where it runs.
func (l *loader) role(a *Auth, v *document.Value) {
	if v.Kind() == document.Object {
		a.RoleFrom = l.localSource(v)
		return
	}
	a.Role = v.Text()
}

func (l *loader) auth(v *document.Value) Auth {
	var raw rawAuth
	authFields.decode(l, v, &raw)
	v.ExactlyOne(authFields.keys()...)
	return raw.auth
}

func (l *loader) login(method string, known fields[Auth], v *document.Value, required ...string) Auth {
	a := Auth{Method: method, Mount: method}
	known.decode(l, v, &a)
	v.Require(required...)
	return a
}
