"""The books: rules, tables, transactions. Knows no screen and no ERP."""
