package config

// rawAuth holds the one method that is chosen.
type rawAuth struct{ auth Auth }

var authFields = fields[rawAuth]{
	{"token", func(l *loader, a *rawAuth, v *value) { a.auth = Auth{Method: "token", Secret: l.localSource(v)} }},
	{"approle", func(l *loader, a *rawAuth, v *value) {
		a.auth = l.login("approle", appRoleFields, v, "role_id", "secret_id")
	}},
	{"kubernetes", func(l *loader, a *rawAuth, v *value) { a.auth = l.login("kubernetes", jwtFields, v, "role") }},
	{"jwt", func(l *loader, a *rawAuth, v *value) { a.auth = l.login("jwt", jwtFields, v, "role", "token") }},
}

var appRoleFields = fields[Auth]{
	{"mount", func(l *loader, a *Auth, v *value) { a.Mount = l.vaultPath(v) }},
	{"role_id", func(l *loader, a *Auth, v *value) {
		if v.kind == object {
			a.RoleID = l.localSource(v)
			return
		}
		a.Role = v.string()
	}},
	{"secret_id", func(l *loader, a *Auth, v *value) {
		if a.Wrapped = v.child("wrapped") != nil; !a.Wrapped {
			a.Secret = l.localSource(v)
			return
		}
		wrappedFields.decode(l, v, a)
	}},
}

var wrappedFields = fields[Auth]{
	{"wrapped", func(l *loader, a *Auth, v *value) {
		if in := v.child("env"); in != nil {
			in.fail("use {wrapped: {file: PATH}}", "a wrapped secret_id can be taken out once, and an environment cannot be replaced")
			return
		}
		a.Secret = l.localSource(v)
	}},
}

var jwtFields = fields[Auth]{
	{"mount", func(l *loader, a *Auth, v *value) { a.Mount = l.vaultPath(v) }},
	{"role", func(_ *loader, a *Auth, v *value) { a.Role = v.string() }},
	{"token", func(l *loader, a *Auth, v *value) { a.Secret = l.localSource(v) }},
}

func (l *loader) auth(v *value) Auth {
	var raw rawAuth
	authFields.decode(l, v, &raw)
	v.exactlyOne(authFields.keys()...)
	return raw.auth
}

func (l *loader) login(method string, known fields[Auth], v *value, required ...string) Auth {
	a := Auth{Method: method, Mount: method}
	known.decode(l, v, &a)
	v.require(required...)
	return a
}
