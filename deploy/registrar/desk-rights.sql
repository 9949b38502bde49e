-- What the help desk may do in the registrar's database, for `psql -d stembus-registrar` once the letters are in:
-- see them, strike one, unlock one. It may not add a letter, change a second factor or end the voting.
GRANT CONNECT ON DATABASE "stembus-registrar" TO "stembus-desk";
GRANT SELECT ON voter, letter_change, registrar_state TO "stembus-desk";
GRANT INSERT (credential, state, tries), UPDATE (state, tries) ON letter_change TO "stembus-desk";
