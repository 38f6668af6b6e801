-- The roles that may write link_click_analytics, its owner first.
SELECT DISTINCT
    acl.grantee = c.relowner AS is_owner,
    CASE WHEN acl.grantee = 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END AS role
FROM pg_class AS c
CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS acl
WHERE c.oid = to_regclass('link_click_analytics') AND acl.privilege_type = 'UPDATE'
ORDER BY is_owner DESC, role
