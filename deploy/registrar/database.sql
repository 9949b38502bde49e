-- The databases of the registrar and of its help desk, for `psql` as the database's administrator.
CREATE ROLE "stembus-registrar" LOGIN;
CREATE DATABASE "stembus-registrar" OWNER "stembus-registrar";
REVOKE CONNECT ON DATABASE "stembus-registrar" FROM PUBLIC;
CREATE ROLE "stembus-desk" LOGIN;
CREATE DATABASE "stembus-desk" OWNER "stembus-desk";
REVOKE CONNECT ON DATABASE "stembus-desk" FROM PUBLIC;
