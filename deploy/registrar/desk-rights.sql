-- What the help desk may do in the registrar's database, for `psql -d stembus-registrar` once the letters are in, and
-- as often as you like: see them, strike one that had no token, unlock one. It may not add a letter, change a second
-- factor, end the voting, or take back what a letter has become: the issuance record, where it writes too, is then not
-- alone in knowing who had a token.
SET client_min_messages = warning;
GRANT CONNECT ON DATABASE "stembus-registrar" TO "stembus-desk";
GRANT SELECT ON voter, registrar_state TO "stembus-desk";
GRANT UPDATE (state, tries) ON voter TO "stembus-desk";
ALTER TABLE voter ENABLE ROW LEVEL SECURITY;  -- binds everybody but the owner, the registrar
DROP POLICY IF EXISTS sees ON voter;
DROP POLICY IF EXISTS changes ON voter;
CREATE POLICY sees ON voter FOR SELECT TO "stembus-desk" USING (true);
CREATE POLICY changes ON voter FOR UPDATE TO "stembus-desk"
  USING (state = 'ready') WITH CHECK (state IN ('ready', 'struck'));
