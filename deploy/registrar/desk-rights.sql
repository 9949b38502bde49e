-- What the help desk may do in the registrar's database, for `psql -d stembus-registrar` once the letters are in, and
-- as often as you like: see them, strike one that had no token, unlock one. It may not add a letter, change a second
-- factor, end the voting, or take back what a letter has become: the issuance record, where it writes too, is then not
-- alone in knowing who had a token.
SET client_min_messages = warning;
GRANT CONNECT ON DATABASE "stembus-registrar" TO "stembus-desk";
GRANT SELECT ON voter, letter_change, acknowledgement, registrar_state TO "stembus-desk";
GRANT INSERT (credential, state, tries), UPDATE (state, tries) ON letter_change TO "stembus-desk";
ALTER TABLE letter_change ENABLE ROW LEVEL SECURITY;  -- binds everybody but the owner, the registrar
DROP POLICY IF EXISTS sees ON letter_change;
DROP POLICY IF EXISTS begins ON letter_change;
DROP POLICY IF EXISTS changes ON letter_change;
CREATE POLICY sees ON letter_change FOR SELECT TO "stembus-desk" USING (true);
CREATE POLICY begins ON letter_change FOR INSERT TO "stembus-desk" WITH CHECK (state = 'ready');
CREATE POLICY changes ON letter_change FOR UPDATE TO "stembus-desk"
  USING (state = 'ready') WITH CHECK (state IN ('ready', 'struck'));
