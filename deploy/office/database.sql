-- The office's databases, for `psql` as the database's administrator. Others cannot even connect to them.
CREATE ROLE "stembus-box" LOGIN;
CREATE DATABASE "stembus-box" OWNER "stembus-box";
REVOKE CONNECT ON DATABASE "stembus-box" FROM PUBLIC;
-- The letters, until they are handed to the registrar.
CREATE DATABASE "stembus-letters" OWNER "stembus-box";
REVOKE CONNECT ON DATABASE "stembus-letters" FROM PUBLIC;
