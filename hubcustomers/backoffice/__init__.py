"""The ground of the back-office: who reaches what, forms, pages and their looks."""
