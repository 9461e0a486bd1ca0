// Writes the scope that the choices of a new connection stand for, while they are made.
document.addEventListener("DOMContentLoaded", () => {
  const scope = document.getElementById("id_scope");
  const location = document.getElementById("id_location");
  const list = document.querySelector(".field-customer_list");
  if (!scope || !location) return;

  const chosen = (name) =>
    document.querySelector(`input[name="${name}"]:checked`)?.value ?? "";

  const written = () => {
    const permissions = [];
    const customers = chosen("customers");
    const orders = chosen("orders");
    if (customers) {
      const lists = chosen("lists") === "one" ? "customer_list" : "all_customer_lists";
      permissions.push(`${lists}.${customers}`);
    }
    if (orders) permissions.push(`orders.${orders}`);
    const level = location.value ? "location" : "account";
    return permissions.length ? `${level}[${permissions.join(",")}]` : "";
  };

  // The list is asked for where one is to be chosen, also by a scope written by hand.
  const show = () => {
    const needed = /[[,]customer_list\./.test(scope.value.replaceAll(" ", ""));
    if (list) list.hidden = !needed && chosen("lists") !== "one";
  };

  const write = () => {
    scope.value = written();
    show();
  };

  for (const name of ["customers", "lists", "orders"]) {
    for (const input of document.querySelectorAll(`input[name="${name}"]`)) {
      input.addEventListener("change", write);
    }
  }
  location.addEventListener("change", () => {
    if (scope.value) scope.value = scope.value.replace(/^(location|account)\[/, location.value ? "location[" : "account[");
  });
  scope.addEventListener("input", show);
  show();
});
